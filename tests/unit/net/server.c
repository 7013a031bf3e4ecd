#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define REQUEST_MAX ((size_t)1 << 20)

struct conn {
    struct server *server;
    pthread_t thread;
    int fd;
    SSL *ssl;
    unsigned requests;
    bool open; /* under lock */
    char *request;
    size_t len;
    size_t body_at;
    size_t body_len;
};

struct server {
    int fd;
    uint16_t port;
    enum server_tls tls;
    SSL_CTX *ctx;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct conn *conns[CONNECTIONS_MAX];
    unsigned conns_count;
    unsigned open_count;
    unsigned requests;
    unsigned unasked;
    bool stopping;
    bool go;
    char latest[8192];
};

static void *need(void *ptr) {
    if (!ptr)
        abort();
    return ptr;
}

static ssize_t get(struct conn *conn, void *bytes, size_t size) {
    if (conn->ssl)
        return SSL_read(conn->ssl, bytes, (int)size);
    ssize_t n;
    do {
        n = recv(conn->fd, bytes, size, 0);
    } while (n < 0 && errno == EINTR);
    return n;
}

static bool put(struct conn *conn, const char *bytes, size_t len) {
    while (len) {
        ssize_t n = conn->ssl ? SSL_write(conn->ssl, bytes, (int)len)
                              : send(conn->fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool put_text(struct conn *conn, const char *text) {
    return put(conn, text, strlen(text));
}

static bool put_fill(struct conn *conn, size_t len) {
    char block[4096];
    memset(block, 'x', sizeof block);
    while (len) {
        size_t n = len < sizeof block ? len : sizeof block;
        if (!put(conn, block, n))
            return false;
        len -= n;
    }
    return true;
}

/* Reads one whole request; false at the end of the connection. */
static bool read_request(struct conn *conn) {
    const char *end = NULL;
    conn->len = 0;
    while (!end) {
        ssize_t n = get(conn, conn->request + conn->len, REQUEST_MAX - conn->len - 1);
        if (n <= 0)
            return false;
        conn->len += (size_t)n;
        conn->request[conn->len] = '\0';
        end = strstr(conn->request, "\r\n\r\n");
    }
    conn->body_at = (size_t)(end - conn->request) + 4;
    const char *length = strcasestr(conn->request, "\r\nContent-Length:");
    conn->body_len = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    while (conn->len < conn->body_at + conn->body_len) {
        ssize_t n = get(conn, conn->request + conn->len, REQUEST_MAX - conn->len - 1);
        if (n <= 0)
            return false;
        conn->len += (size_t)n;
    }
    return true;
}

static void count_request(struct conn *conn) {
    struct server *server = conn->server;
    pthread_mutex_lock(&server->lock);
    conn->requests++;
    server->requests++;
    snprintf(server->latest, sizeof server->latest, "%.*s", (int)conn->body_at, conn->request);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void wait_for_go(struct conn *conn, bool forever) {
    struct server *server = conn->server;
    pthread_mutex_lock(&server->lock);
    while (!server->stopping && (forever || !server->go))
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

static bool answer_sized(struct conn *conn, size_t announced, size_t sent) {
    char head[128];
    snprintf(
        head,
        sizeof head,
        "HTTP/1.1 200 OK\r\nX-Test:  yes \r\nContent-Length: %zu\r\n\r\n",
        announced);
    if (!put_text(conn, head))
        return false;
    if (strncmp(conn->request, "HEAD ", 5) == 0)
        return true;
    return put_fill(conn, sent) && announced == sent;
}

static bool answer_chunked(struct conn *conn, size_t len) {
    if (!put_text(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
        return false;
    while (len) {
        char line[32];
        size_t n = len < 1000 ? len : 1000;
        snprintf(line, sizeof line, "%zx\r\n", n);
        if (!put_text(conn, line) || !put_fill(conn, n) || !put_text(conn, "\r\n"))
            return false;
        len -= n;
    }
    return put_text(conn, "0\r\nX-Trailer: late\r\n\r\n");
}

static bool answer_head(struct conn *conn, size_t lines) {
    if (!put_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"))
        return false;
    for (size_t i = 0; i < lines; i++)
        if (!put_text(conn, "X-Long: ") || !put_fill(conn, 990) || !put_text(conn, "\r\n"))
            return false;
    return put_text(conn, "\r\n");
}

static bool reset(struct conn *conn) {
    struct linger none = {1, 0};
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    return false;
}

static bool answer_echo(struct conn *conn) {
    char head[128];
    const char *body = conn->body_len ? conn->request + conn->body_at : "hello";
    size_t len = conn->body_len ? conn->body_len : 5;
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    return put_text(conn, head) && put(conn, body, len);
}

static bool answer_twice(struct conn *conn) {
    struct server *server = conn->server;
    if (!answer_echo(conn) || !put_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"))
        return false;
    pthread_mutex_lock(&server->lock);
    server->unasked++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    return true;
}

static bool open_tunnel(struct conn *conn) {
    if (conn->server->tls != SERVER_TUNNEL) {
        put_text(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        return false;
    }
    if (!put_text(conn, "HTTP/1.1 200 Established\r\n\r\n"))
        return false;
    conn->ssl = need(SSL_new(conn->server->ctx));
    SSL_set_fd(conn->ssl, conn->fd);
    return SSL_accept(conn->ssl) == 1;
}

static const char *number_after(const char *path, const char *prefix, size_t *out) {
    size_t len = strlen(prefix);
    if (strncmp(path, prefix, len) != 0)
        return NULL;
    *out = strtoul(path + len, NULL, 10);
    return path;
}

/* The requests that break something. */
static bool answer_badly(struct conn *conn, const char *path, bool *out_known) {
    size_t n = 0;
    *out_known = true;
    if (number_after(path, "/short/", &n))
        return answer_sized(conn, n + 10, n);
    if (number_after(path, "/until-end/", &n))
        return put_text(conn, "HTTP/1.1 200 OK\r\n\r\n") && put_fill(conn, n) && false;
    if (strcmp(path, "/stall") == 0) {
        wait_for_go(conn, true);
        return false;
    }
    if (strcmp(path, "/stall-body") == 0) {
        answer_sized(conn, 20, 10);
        wait_for_go(conn, true);
        return false;
    }
    if (strcmp(path, "/reset") == 0)
        return reset(conn);
    if (strcmp(path, "/reset-body") == 0) {
        answer_sized(conn, 20, 10);
        return reset(conn);
    }
    if (strcmp(path, "/garbage") == 0)
        return put_text(conn, "SSH-2.0-OpenSSH_9.9\r\n") && false;
    if (strcmp(path, "/bad-chunk") == 0)
        return put_text(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n") &&
               false;
    if (strcmp(path, "/twice") == 0)
        return answer_twice(conn);
    if (strcmp(path, "/raw") == 0)
        return put(conn, conn->request + conn->body_at, conn->body_len);
    if (strcmp(path, "/interim") == 0) {
        while (put_text(conn, "HTTP/1.1 100 Continue\r\nX-Early: ") && put_fill(conn, 1000) &&
               put_text(conn, "\r\n\r\n"))
            continue;
        return false;
    }
    if (strcmp(path, "/trailers") == 0) {
        bool ok = put_text(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
        while (ok)
            ok = put_text(conn, "X-Late: ") && put_fill(conn, 1000) && put_text(conn, "\r\n");
        return false;
    }
    *out_known = false;
    return false;
}

/* False: the connection ends. */
static bool answer(struct conn *conn) {
    char path[256] = "", line[64];
    const char *at = strchr(conn->request, ' ');
    size_t n = 0;
    bool known;
    if (strncmp(conn->request, "CONNECT ", 8) == 0)
        return open_tunnel(conn);
    if (at && strncmp(at + 1, "http://", 7) == 0)
        at = strchr(at + 8, '/');
    else if (at)
        at++;
    if (at)
        snprintf(path, sizeof path, "%.*s", (int)strcspn(at, " "), at);
    bool go_on = answer_badly(conn, path, &known);
    if (known)
        return go_on;
    if (number_after(path, "/size/", &n))
        return answer_sized(conn, n, n);
    if (number_after(path, "/chunked/", &n))
        return answer_chunked(conn, n);
    if (number_after(path, "/head/", &n))
        return answer_head(conn, n);
    if (number_after(path, "/status/", &n)) {
        snprintf(line, sizeof line, "HTTP/1.1 %zu Status\r\nContent-Length: 0\r\n\r\n", n);
        return put_text(conn, line);
    }
    if (strcmp(path, "/held") == 0)
        wait_for_go(conn, false);
    if (strcmp(path, "/once") == 0 && conn->requests > 1)
        return false;
    if (strcmp(path, "/continue") == 0 &&
        !put_text(conn, "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"))
        return false;
    return answer_echo(conn) && strcmp(path, "/close") != 0;
}

static void *serve(void *arg) {
    struct conn *conn = arg;
    struct server *server = conn->server;
    bool ready = true;
    if (server->tls == SERVER_TLS) {
        conn->ssl = need(SSL_new(server->ctx));
        SSL_set_fd(conn->ssl, conn->fd);
        ready = SSL_accept(conn->ssl) == 1;
    }
    while (ready && read_request(conn)) {
        count_request(conn);
        if (!answer(conn))
            break;
    }
    pthread_mutex_lock(&server->lock);
    SSL_free(conn->ssl);
    close(conn->fd);
    conn->open = false;
    server->open_count--;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

static void *take_connections(void *arg) {
    struct server *server = arg;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        pthread_mutex_lock(&server->lock);
        if (server->conns_count == CONNECTIONS_MAX)
            abort();
        struct conn *conn = need(calloc(1, sizeof *conn));
        conn->server = server;
        conn->fd = fd;
        conn->open = true;
        conn->request = need(malloc(REQUEST_MAX));
        server->conns[server->conns_count++] = conn;
        server->open_count++;
        if (pthread_create(&conn->thread, NULL, serve, conn))
            abort();
        pthread_mutex_unlock(&server->lock);
    }
}

struct server *server_new(enum server_tls tls, const char *cert_file, const char *key_file) {
    struct server *server = need(calloc(1, sizeof *server));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->tls = tls;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, sizeof address) ||
        listen(server->fd, 512) || getsockname(server->fd, (struct sockaddr *)&address, &size))
        abort();
    server->port = ntohs(address.sin_port);
    if (tls != SERVER_PLAIN) {
        server->ctx = need(SSL_CTX_new(TLS_server_method()));
        if (SSL_CTX_use_certificate_chain_file(server->ctx, cert_file) != 1 ||
            SSL_CTX_use_PrivateKey_file(server->ctx, key_file, SSL_FILETYPE_PEM) != 1)
            abort();
    }
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    if (pthread_create(&server->thread, NULL, take_connections, server))
        abort();
    return server;
}

static void end_connections(struct server *server) {
    for (unsigned i = 0; i < server->conns_count; i++)
        if (server->conns[i]->open)
            shutdown(server->conns[i]->fd, SHUT_RDWR);
}

void server_free(struct server *server) {
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_cond_broadcast(&server->changed);
    shutdown(server->fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->thread, NULL);
    pthread_mutex_lock(&server->lock);
    end_connections(server);
    pthread_mutex_unlock(&server->lock);
    for (unsigned i = 0; i < server->conns_count; i++) {
        pthread_join(server->conns[i]->thread, NULL);
        free(server->conns[i]->request);
        free(server->conns[i]);
    }
    close(server->fd);
    SSL_CTX_free(server->ctx);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->changed);
    free(server);
}

uint16_t server_port(const struct server *server) {
    return server->port;
}

static unsigned look(struct server *server, const unsigned *field) {
    pthread_mutex_lock(&server->lock);
    unsigned value = *field;
    pthread_mutex_unlock(&server->lock);
    return value;
}

unsigned server_connections(struct server *server) {
    return look(server, &server->conns_count);
}

unsigned server_requests(struct server *server) {
    return look(server, &server->requests);
}

void server_wait_requests(struct server *server, unsigned count) {
    pthread_mutex_lock(&server->lock);
    while (server->requests < count)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

void server_latest(struct server *server, char *out, unsigned size) {
    pthread_mutex_lock(&server->lock);
    snprintf(out, size, "%s", server->latest);
    pthread_mutex_unlock(&server->lock);
}

void server_wait_unasked(struct server *server, unsigned count) {
    pthread_mutex_lock(&server->lock);
    while (server->unasked < count)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

void server_let_go(struct server *server) {
    pthread_mutex_lock(&server->lock);
    server->go = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

void server_drop_connections(struct server *server) {
    pthread_mutex_lock(&server->lock);
    end_connections(server);
    while (server->open_count)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
}
