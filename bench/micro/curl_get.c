/* libcurl and nothing else: an object by parallel ranges into one fresh buffer. What a client on
 * libcurl cannot go below. Prints one JSON object.
 *
 * Usage: bench_curl_get URL BYTES [PASSES [PARALLEL [huge|plain]]] | --version */
#include "clock.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PARALLEL_MAX = 256, CURL_BUFFER = 256 << 10 };

struct range {
    CURL *easy;
    char *at;
    size_t left;
};

struct job {
    const char *url;
    char *buffer;
    size_t size;
    size_t part;
    size_t next; /* offset of the range that is started next */
    CURLM *multi;
};

static size_t take(char *data, size_t one, size_t len, void *user) {
    struct range *range = user;
    (void)one;
    if (len > range->left)
        return 0;
    memcpy(range->at, data, len);
    range->at += len;
    range->left -= len;
    return len;
}

static void start(struct job *job, struct range *range) {
    char words[64];
    size_t len = job->size - job->next < job->part ? job->size - job->next : job->part;
    range->at = job->buffer + job->next;
    range->left = len;
    snprintf(words, sizeof words, "%zu-%zu", job->next, job->next + len - 1);
    curl_easy_setopt(range->easy, CURLOPT_RANGE, words);
    job->next += len;
    curl_multi_add_handle(job->multi, range->easy);
}

static CURL *make_handle(const struct job *job, struct range *range) {
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, job->url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, range);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, range);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_BUFFER);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    return easy;
}

/* Takes what has finished and starts what follows. Returns the ranges finished, -1 on a failure. */
static int collect(struct job *job) {
    int left, finished = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(job->multi, &left))) {
        struct range *range = NULL;
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&range);
        if (code != CURLE_OK || !range || range->left) {
            fprintf(stderr, "bench_curl_get: %s\n", curl_easy_strerror(code));
            return -1;
        }
        curl_multi_remove_handle(job->multi, easy);
        finished++;
        if (job->next < job->size)
            start(job, range);
    }
    return finished;
}

/* Reads the whole object; false on a failure. */
static int transfer(struct job *job, struct range *ranges, int parallel) {
    size_t parts = (job->size + job->part - 1) / job->part, done = 0;
    int running;
    for (int i = 0; i < parallel && job->next < job->size; i++)
        start(job, &ranges[i]);
    while (done < parts) {
        curl_multi_perform(job->multi, &running);
        int finished = collect(job);
        if (finished < 0)
            return 0;
        done += (size_t)finished;
        if (done < parts && !finished)
            curl_multi_poll(job->multi, NULL, 0, 1000, NULL);
    }
    return 1;
}

struct cost {
    double cpu_s;
    double wall_s;
};

/* One pass into memory that is mapped anew. */
static int pass(struct job *job, struct range *ranges, int parallel, int huge, struct cost *cost) {
    double cpu = cpu_seconds(), wall = wall_seconds();
    job->next = 0;
    job->buffer = mmap(NULL, job->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (job->buffer == MAP_FAILED)
        return 0;
    if (huge)
        madvise(job->buffer, job->size, MADV_HUGEPAGE);
    int ok = transfer(job, ranges, parallel);
    *cost = (struct cost){cpu_seconds() - cpu, wall_seconds() - wall};
    munmap(job->buffer, job->size);
    return ok;
}

/* Several passes; the one of the least CPU time counts. */
static int run(struct job *job, int passes, int parallel, int huge) {
    static struct range ranges[PARALLEL_MAX];
    struct cost best = {1e9, 1e9}, cost;
    job->multi = curl_multi_init();
    for (int i = 0; i < parallel; i++)
        ranges[i].easy = make_handle(job, &ranges[i]);
    for (int i = 0; i < passes; i++) {
        if (!pass(job, ranges, parallel, huge, &cost))
            return 1;
        if (cost.cpu_s < best.cpu_s)
            best = cost;
    }
    printf("{\"cpu_s\": %.6f, \"wall_s\": %.6f}\n", best.cpu_s, best.wall_s);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("%s\n", curl_version_info(CURLVERSION_NOW)->version);
        return 0;
    }
    struct job job = {.url = argc > 1 ? argv[1] : NULL, .part = 8 << 20};
    job.size = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    int passes = argc > 3 ? atoi(argv[3]) : 1;
    int parallel = argc > 4 ? atoi(argv[4]) : 16;
    int huge = argc <= 5 || strcmp(argv[5], "huge") == 0;
    if (argc > 6 || !job.size || passes < 1 || parallel < 1 || parallel > PARALLEL_MAX) {
        fputs("usage: bench_curl_get URL BYTES [PASSES [PARALLEL [huge|plain]]]\n", stderr);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return run(&job, passes, parallel, huge);
}
