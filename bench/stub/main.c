/* athena-stub: a fast, deterministic Athena for benchmarks. See README.md beside this file. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "pattern.h"

struct options {
    struct listener listener;
    const char *certificate; /* file names */
    const char *key;
};

static const char usage[] =
    "usage: athena-stub [--host IPV4] [--port N] [--threads N] [--latency-ms N]\n"
    "                   [--s3-latency-ms N] [--s3-mbps N] [--active-limit N]\n"
    "                   [--quota none|aws|aws-status] [--certificate FILE --key FILE]\n";

static double read_number(const char *option, const char *text, double max) {
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (errno || end == text || *end || !(value >= 0 && value <= max)) {
        fprintf(
            stderr,
            "athena-stub: --%s must be a number from 0 to %g, not \"%s\"\n",
            option,
            max,
            text);
        exit(2);
    }
    return value;
}

static void read_options(int argc, char **argv, struct options *options, struct stub *stub) {
    enum { HOST, PORT, THREADS, LATENCY, S3_LATENCY, S3_MBPS, ACTIVE, QUOTA, CERTIFICATE, KEY };
    static const struct option known[] = {
        {"host", required_argument, NULL, HOST},
        {"port", required_argument, NULL, PORT},
        {"threads", required_argument, NULL, THREADS},
        {"latency-ms", required_argument, NULL, LATENCY},
        {"s3-latency-ms", required_argument, NULL, S3_LATENCY},
        {"s3-mbps", required_argument, NULL, S3_MBPS},
        {"active-limit", required_argument, NULL, ACTIVE},
        {"quota", required_argument, NULL, QUOTA},
        {"certificate", required_argument, NULL, CERTIFICATE},
        {"key", required_argument, NULL, KEY},
        {0},
    };
    int found, index = 0;
    while ((found = getopt_long(argc, argv, "", known, &index)) != -1) {
        const char *name = found == '?' ? "" : known[index].name;
        if (found == HOST)
            options->listener.host = optarg;
        else if (found == PORT)
            options->listener.port = (uint16_t)read_number(name, optarg, 65535);
        else if (found == THREADS)
            options->listener.threads = (unsigned)read_number(name, optarg, 64);
        else if (found == LATENCY)
            stub->settings.latency_ms = read_number(name, optarg, 600000);
        else if (found == S3_LATENCY)
            stub->settings.s3_latency_ms = read_number(name, optarg, 600000);
        else if (found == S3_MBPS)
            stub->settings.s3_mbps = read_number(name, optarg, 1e6);
        else if (found == ACTIVE)
            stub->settings.active_limit = (uint64_t)read_number(name, optarg, 1e9);
        else if (found == CERTIFICATE)
            options->certificate = optarg;
        else if (found == KEY)
            options->key = optarg;
        else if (found != QUOTA || !stub_quota_preset(stub->quotas, optarg, stub_now_ns())) {
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind != argc || !options->certificate != !options->key) {
        fputs(usage, stderr);
        exit(2);
    }
}

/* Waits for TERM or INT; the death of the parent arrives as TERM. */
static void wait_for_end(const sigset_t *signals) {
    int signal;
    while (sigwait(signals, &signal) != 0)
        continue;
}

/* The whole of a PEM file, or NULL. */
static char *read_file(const char *name) {
    enum { SIZE_MAX_PEM = 64 << 10 };
    FILE *file = fopen(name, "rb");
    char *text = file ? calloc(1, SIZE_MAX_PEM) : NULL;
    if (text && fread(text, 1, SIZE_MAX_PEM - 1, file) == 0) {
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    if (!text)
        fprintf(stderr, "athena-stub: cannot read %s\n", name);
    return text;
}

struct daemons {
    struct MHD_Daemon *plain;
    struct MHD_Daemon *tls; /* NULL without a certificate */
};

/* Starts both listeners and says where. */
static bool start(struct stub *stub, const struct options *options, struct daemons *daemons) {
    struct listener listener = options->listener;
    daemons->plain = stub_http_start(stub, &listener);
    if (!daemons->plain) {
        fprintf(stderr, "athena-stub: cannot listen on %s port %u\n", listener.host, listener.port);
        return false;
    }
    if (!options->certificate) {
        printf("{\"port\": %u}\n", stub_http_port(daemons->plain));
        return true;
    }
    char *certificate = read_file(options->certificate), *key = read_file(options->key);
    listener.port = 0;
    listener.certificate = certificate;
    listener.key = key;
    if (certificate && key)
        daemons->tls = stub_http_start(stub, &listener);
    free(certificate);
    free(key);
    if (!daemons->tls) {
        fputs("athena-stub: cannot listen with TLS\n", stderr);
        return false;
    }
    printf(
        "{\"port\": %u, \"tls_port\": %u}\n",
        stub_http_port(daemons->plain),
        stub_http_port(daemons->tls));
    return true;
}

int main(int argc, char **argv) {
    pid_t parent = getppid();
    static struct stub stub = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct options options = {.listener = {.host = "127.0.0.1", .threads = 2}};
    read_options(argc, argv, &options, &stub);
    stub.queries.epoch = (uint32_t)time(NULL);

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        return 1;

    stub_pattern_init();
    stub.delay = stub_delay_new();
    if (!stub.delay || !stub_table_get(SHAPE_MIXED, 10)) {
        fputs("athena-stub: out of memory\n", stderr);
        return 1;
    }
    struct daemons daemons = {0};
    if (!start(&stub, &options, &daemons))
        return 1;
    fflush(stdout);

    wait_for_end(&signals);
    stub_delay_stop(stub.delay);
    if (daemons.tls)
        MHD_stop_daemon(daemons.tls);
    MHD_stop_daemon(daemons.plain);
    stub_delay_free(stub.delay);
    stub_queries_reset(&stub.queries);
    stub_store_reset(&stub.store);
    stub_tables_free();
    return 0;
}
