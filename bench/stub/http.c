#include "http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "admin.h"
#include "athena.h"
#include "s3.h"

/* A small object may come in the chunks of a signed stream. */
enum {
    BODY_MAX = 4 << 20,
    PUT_KEEP_MAX = STORE_KEEP_MAX + 4096,
    CONNECTION_MAX = 30000,
    CONNECTION_MEMORY = 128 << 10
};

struct request {
    struct text body;
    uint64_t received; /* of the body; one too long to be kept is counted only */
    int64_t start_ns;
    bool held; /* has waited its latency */
};

struct reply stub_reply(unsigned status, struct text *body, const char *content_type) {
    struct reply reply = {status, NULL};
    if (!body->failed)
        reply.response =
            MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_FREE);
    if (reply.response) {
        *body = (struct text){0};
        MHD_add_response_header(reply.response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    }
    stub_text_clear(body);
    return reply;
}

static struct reply route(
    struct stub *stub,
    struct MHD_Connection *connection,
    const char *url,
    const char *method,
    const struct request *request) {
    bool get = strcmp(method, "GET") == 0;
    bool post = strcmp(method, "POST") == 0;

    if (strcmp(url, "/_stub") == 0 && post)
        return stub_admin_configure(stub, &request->body);
    if (strcmp(url, "/_stub/stats") == 0 && get)
        return stub_admin_stats(stub);
    if (strcmp(url, "/") == 0 && post) {
        const char *target =
            MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Amz-Target");
        return stub_athena_answer(stub, target ? target : "", &request->body);
    }
    return stub_s3_answer(stub, connection, url, method, &request->body, request->received);
}

static int64_t latency_ns(struct stub *stub, const char *url) {
    if (strncmp(url, "/_stub", 6) == 0)
        return 0;
    pthread_mutex_lock(&stub->lock);
    double ms = strcmp(url, "/") == 0 ? stub->settings.latency_ms : stub->settings.s3_latency_ms;
    pthread_mutex_unlock(&stub->lock);
    return (int64_t)(ms * 1e6);
}

static void add_request_id(struct stub *stub, struct MHD_Response *response) {
    char id[40];
    pthread_mutex_lock(&stub->lock);
    uint64_t n = ++stub->request_count;
    pthread_mutex_unlock(&stub->lock);
    snprintf(id, sizeof id, "00000000-0000-4000-9000-%012llx", (unsigned long long)n);
    MHD_add_response_header(response, "x-amzn-RequestId", id);
}

static enum MHD_Result
send_reply(struct stub *stub, struct MHD_Connection *connection, struct reply reply) {
    if (!reply.response)
        return MHD_NO;
    add_request_id(stub, reply.response);
    enum MHD_Result result = MHD_queue_response(connection, reply.status, reply.response);
    MHD_destroy_response(reply.response);
    return result;
}

/* Takes a piece of the body. Puts keep small objects only. Waits when the connection's rate is
 * limited. */
static enum MHD_Result take(
    struct stub *stub,
    struct MHD_Connection *connection,
    const char *method,
    struct request *request,
    const char *upload,
    size_t size) {
    bool put = strcmp(method, "PUT") == 0;
    request->received += size;
    if (!put && request->received > BODY_MAX)
        return MHD_NO;
    if (!put || request->received <= PUT_KEEP_MAX)
        stub_text_add(&request->body, upload, size);
    else
        stub_text_clear(&request->body);
    if (request->body.failed)
        return MHD_NO;
    if (!put)
        return MHD_YES;
    pthread_mutex_lock(&stub->lock);
    double mbps = stub->settings.s3_mbps;
    pthread_mutex_unlock(&stub->lock);
    if (mbps > 0) {
        int64_t due_ns = request->start_ns + (int64_t)((double)request->received / mbps * 1e3);
        if (due_ns > stub_now_ns())
            stub_delay_hold(stub->delay, connection, due_ns);
    }
    return MHD_YES;
}

static enum MHD_Result handle(
    void *cls,
    struct MHD_Connection *connection,
    const char *url,
    const char *method,
    const char *version,
    const char *upload,
    size_t *upload_size,
    void **state) {
    struct stub *stub = cls;
    struct request *request = *state;
    (void)version;
    if (!request) {
        *state = request = calloc(1, sizeof *request);
        if (!request)
            return MHD_NO;
        request->start_ns = stub_now_ns();
        return MHD_YES;
    }
    if (*upload_size) {
        size_t size = *upload_size;
        *upload_size = 0;
        return take(stub, connection, method, request, upload, size);
    }
    if (!request->held) {
        request->held = true;
        int64_t wait_ns = latency_ns(stub, url);
        if (wait_ns > 0 && stub_delay_hold(stub->delay, connection, stub_now_ns() + wait_ns))
            return MHD_YES;
    }
    return send_reply(stub, connection, route(stub, connection, url, method, request));
}

static void finish(
    void *cls,
    struct MHD_Connection *connection,
    void **state,
    enum MHD_RequestTerminationCode code) {
    struct request *request = *state;
    (void)cls;
    (void)connection;
    (void)code;
    if (!request)
        return;
    stub_text_clear(&request->body);
    free(request);
    *state = NULL;
}

static void count_connection(
    void *cls,
    struct MHD_Connection *connection,
    void **state,
    enum MHD_ConnectionNotificationCode code) {
    struct stub *stub = cls;
    (void)connection;
    (void)state;
    pthread_mutex_lock(&stub->lock);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        stub->connections--;
    } else {
        stub->connections_total++;
        if (++stub->connections > stub->connections_max)
            stub->connections_max = stub->connections;
    }
    pthread_mutex_unlock(&stub->lock);
}

/* Raises the limit of open files as far as allowed; returns how many connections fit. */
static unsigned raise_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 512;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 128)
        return 64;
    return limit.rlim_cur - 64 < CONNECTION_MAX ? (unsigned)limit.rlim_cur - 64 : CONNECTION_MAX;
}

struct MHD_Daemon *stub_http_start(struct stub *stub, const struct listener *listener) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(listener->port)};
    if (inet_pton(AF_INET, listener->host, &address.sin_addr) != 1) {
        fprintf(
            stderr, "athena-stub: --host must be an IPv4 address, not \"%s\"\n", listener->host);
        return NULL;
    }
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem more[4];
    size_t count = 0;
    if (listener->threads > 1)
        more[count++] =
            (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)listener->threads, NULL};
    if (listener->certificate) {
        flags |= MHD_USE_TLS;
        more[count++] = (struct MHD_OptionItem){
            MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)listener->certificate};
        more[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)listener->key};
    }
    more[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(
        flags,
        listener->port,
        NULL,
        NULL,
        handle,
        stub,
        MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&address,
        MHD_OPTION_CONNECTION_LIMIT,
        raise_limit(),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY,
        MHD_OPTION_LISTEN_BACKLOG_SIZE,
        4096u,
        MHD_OPTION_NOTIFY_COMPLETED,
        finish,
        NULL,
        MHD_OPTION_NOTIFY_CONNECTION,
        count_connection,
        stub,
        MHD_OPTION_ARRAY,
        more,
        MHD_OPTION_END);
}

uint16_t stub_http_port(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}
