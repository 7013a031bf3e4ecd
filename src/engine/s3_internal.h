/* What the S3 operations share: buckets, requests, the ground of every operation. */
#ifndef ATH_ENGINE_S3_INTERNAL_H
#define ATH_ENGINE_S3_INTERNAL_H

#include "aws/digest.h"
#include "aws/s3.h"
#include "engine/internal.h"

#define ATH__MIB ((uint64_t)1 << 20)
#define ATH__S3_PART_BYTES (8 * ATH__MIB)
#define ATH__S3_PART_MIN (5 * ATH__MIB)
#define ATH__S3_PART_MAX (5120 * ATH__MIB)
#define ATH__S3_PARTS_MAX 10000u
#define ATH__S3_PARALLEL_MAX 256u

/* -- s3_bucket.c: what an account knows of a bucket (I/O thread) ------------------------------- */

struct ath__s3_bucket {
    struct ath__node node; /* account->io.s3_buckets */
    char *name;            /* endpoint, '|', bucket */
    char region[64];       /* learned; "": the client's. Written with account->lock held */
    size_t calls;          /* that name it */
    struct ath__lane lane;
    struct ath__signing_key signing_key;
};
/* The bucket (NULL: the service), one call more; NULL when memory is short. */
struct ath__s3_bucket *ath__s3_bucket_get(
    struct ath__account *account, const struct ath__config *config, const char *bucket);
void ath__s3_bucket_put(struct ath__account *account, struct ath__s3_bucket *bucket);
void ath__s3_bucket_learn(
    struct ath__account *account, struct ath__s3_bucket *bucket, const char *region);
/* Any thread: the learned region, "" when there is none. */
void ath__s3_bucket_region(
    struct ath__account *account,
    const struct ath__config *config,
    const char *bucket,
    char out[64]);

/* -- s3_op.c: the ground of every S3 operation ------------------------------------------------- */

struct ath__s3_sweep;

struct ath__s3_op {
    struct ath_op op;        /* first */
    struct ath__arena arena; /* copies of the options' texts */
    const char *bucket;      /* NULL: the service */
    struct ath_slice key;
    const struct ath_s3_pair *headers;
    size_t headers_count;
    _Atomic int64_t object_size; /* -1: not known */
    _Atomic uint64_t transferred;
    struct { /* written by the I/O thread before is_told, which op.lock guards, and never after */
        bool is_told;
        int status;
        struct ath__buf head, body;
    } answer;
    struct {
        struct ath__node calls;      /* struct ath__s3_call.node */
        struct ath__s3_sweep *sweep; /* the one that runs */
    } io;
};

/* Fills a zeroed operation with copies; on an error it is released. Checks bucket, key, headers. */
int ath__s3_op_init(
    struct ath__s3_op *s3,
    const struct ath__op_type *type,
    struct ath_client *client,
    struct ath_queue *queue,
    void *user,
    struct ath_error *err);
int ath__s3_op_fill(
    struct ath__s3_op *s3,
    const char *bucket,
    struct ath_slice key,
    const struct ath_s3_pair *headers,
    size_t headers_count,
    struct ath_error *err);
int ath__s3_copy_text(struct ath__s3_op *s3, const char **text, struct ath_error *err);
int ath__s3_copy_slice(struct ath__s3_op *s3, struct ath_slice *text, struct ath_error *err);
/* Hands it to the I/O thread, or releases it, also when `rc` tells that filling it failed.
 * `lends`: it uses memory of the caller. */
int ath__s3_op_submit(
    struct ath__s3_op *s3, int rc, bool lends, struct ath_op **out_op, struct ath_error *err);
/* For type->free: what init took. */
void ath__s3_op_clear(struct ath__s3_op *s3);
/* The caller's S3 operation of this type, NULL when it is another or the parent process's. */
struct ath__s3_op *ath__s3_op_of(const struct ath_op *op, const struct ath__op_type *type);

/* I/O thread. */
struct ath__s3_call;
/* Keeps the answer for the program; only the first one counts. */
void ath__s3_op_tell_answer(struct ath__s3_op *s3, struct ath__s3_call *call);
void ath__s3_op_drop_calls(struct ath__s3_op *s3);
/* NULL: none. */
struct ath__call *ath__s3_op_first_call(const struct ath__s3_op *s3);
/* Drops the calls and finishes; `err` as of ath__op_finish(). */
void ath__s3_op_end(struct ath__s3_op *s3, const struct ath_error *err);
bool ath__s3_never_wants_stop(const struct ath_op *op);

/* The end of an operation whose last requests go on: the program hears of it two seconds after it
 * is known at the latest. I/O thread. */
struct ath__s3_late {
    struct ath__s3_op *s3;
    bool is_ready; /* the timer is reserved */
    struct ath__timer timer;
    struct ath_error err; /* what the end tells */
};
/* 0 or NOMEM. */
int ath__s3_late_prepare(struct ath__s3_late *late, struct ath__s3_op *s3);
/* The time runs from the first call on. */
void ath__s3_late_limit(struct ath__s3_late *late);
/* Also of one that was never prepared. */
void ath__s3_late_clear(struct ath__s3_late *late);

/* -- s3_request.c: one request ----------------------------------------------------------------- */

#define ATH__S3_OWN_HEADERS 24

/* Which of the program's headers go along. */
enum ath__s3_header_use {
    ATH__S3_HEADERS_ALL,
    ATH__S3_HEADERS_CREATE, /* all but what is about a body */
    ATH__S3_HEADERS_PART,   /* keys of SSE-C, payer, owner */
    ATH__S3_HEADERS_COPY,   /* the same, and the keys of the source */
    ATH__S3_HEADERS_ACCESS, /* payer, owner */
    ATH__S3_HEADERS_SOURCE, /* payer */
};

struct ath__s3_call {
    struct ath__call call; /* first */
    struct ath__s3_op *s3;
    struct ath__node node; /* s3->io.calls */
    struct ath__s3_bucket *bucket;
    const char *bucket_name;
    struct ath_slice key;
    const char *method;
    struct ath__buf query; /* encoded */
    int header_use;
    struct ath_s3_pair own[ATH__S3_OWN_HEADERS]; /* before the program's */
    size_t own_count;
    struct ath__arena texts;
    struct ath_slice body; /* the operation's, or of call.body */
    int checksum;          /* of the body; enum ath__checksum */
    char checksum_text[16];
    bool wants_md5;
    bool answers_late;   /* work of the server that takes minutes */
    bool may_hide_error; /* a 200 may carry an <Error> */
    bool conflict_ends;  /* ConditionalRequestConflict is not tried again */
    bool is_unclear;     /* an attempt may have been carried out, its answer was lost */

    /* Where a success's body goes; without `into` it is call.answer. */
    void *into;
    size_t into_len;
    size_t into_done; /* also by attempts that broke off, when is_range */
    bool is_range;    /* bytes first .. first + len - 1; what has come is not asked for again */
    uint64_t first, len;
    const char *if_match;
    /* Whether a broken answer's head is the one that was asked for, so that its bytes count. */
    bool (*accepts)(struct ath__s3_call *call);

    void *item; /* the machine's */
    uint64_t number;
    char region[64]; /* of the last attempt */
    struct {
        struct ath__task task;
        struct ath__sha256 sha;
        uint64_t crc;
        size_t at;
        bool needs_hash;
        char payload_hash[65];
        char md5[25];
    } digest;
};

/* A request of the operation; NULL when memory is short. `operation` is a literal or lives as long
 * as the operation. `done` owns the call, as for struct ath__call. */
struct ath__s3_call *ath__s3_call_new(
    struct ath__s3_op *s3,
    const char *operation,
    const char *method,
    const char *bucket,
    struct ath_slice key,
    void (*done)(struct ath__call *call));
/* A query parameter; `value` is copied. 0 or NOMEM. */
int ath__s3_call_query(struct ath__s3_call *call, const char *name, const char *value);
/* A header of ours; `name` lives on, `value` is copied. */
int ath__s3_call_header(struct ath__s3_call *call, const char *name, const char *value);
/* Digests the body in steps, then starts the call. */
void ath__s3_call_start(struct ath__s3_call *call);
void ath__s3_call_free(struct ath__s3_call *call);
struct ath__s3_call *ath__s3_call_of(struct ath__call *call);
/* Whether a header's name goes on after `prefix`; in any case. */
bool ath__s3_name_starts(struct ath_slice name, const char *prefix);
bool ath__s3_pair_has(const struct ath_s3_pair *pairs, size_t count, const char *name);
/* Whether a success brought the whole object. Some servers send 200 with a range too: Content-Range
 * tells. */
bool ath__s3_is_whole(const struct ath__exchange *x);
/* "bytes a-b/size" */
bool ath__s3_range_parse(
    struct ath_slice text, uint64_t *out_first, uint64_t *out_last, uint64_t *out_size);

/* An answer that was on its way before its outcome was known, and that ends in its middle: true
 * when the request is repeated, else `rc` tells. Nothing at all stands for a success. */
bool ath__s3_call_is_cut(struct ath__s3_call *call, int *rc, struct ath_error *err);

/* -- s3_checksum.c ----------------------------------------------------------------------------- */

/* A request's own checksum: as the program's headers or the configuration say; `is_required`: S3
 * wants one. Nothing when the program brought one. */
void ath__s3_call_protect(struct ath__s3_call *call, bool is_required);
/* UNSUPPORTED when the program named an algorithm that is not there. */
int ath__s3_check_algorithm(const struct ath__s3_op *s3, struct ath_error *err);
/* Of data; enum ath__checksum. */
int ath__s3_algorithm(const struct ath__s3_op *s3);
/* The header with a sum that the program brought, NULL: none. */
const char *ath__s3_sum_of_program(const struct ath__s3_op *s3);
/* Content-MD5, x-amz-checksum-crc32, ...; those and what announces them. */
bool ath__s3_is_sum_of_body(const char *name);
bool ath__s3_is_about_body(const char *name);

/* The checksum of a whole object, as an answer told it and as its bytes have it. */
#define ATH__S3_SUM_MAX ((size_t)64 << 20) /* summed up in one go, so not more */
struct ath__s3_sum {
    int algorithm; /* NONE: nothing was told that can be compared */
    char said[16];
    uint64_t crc;
};
void ath__s3_sum_read(const struct ath__exchange *x, struct ath__s3_sum *out);
/* In any order; `after`: how many bytes of the object come after these. */
void ath__s3_sum_add(struct ath__s3_sum *sum, struct ath_slice bytes, uint64_t after);
/* 0, or IO when they differ. */
int ath__s3_sum_check(const struct ath__s3_sum *sum, struct ath_error *err);

#endif
