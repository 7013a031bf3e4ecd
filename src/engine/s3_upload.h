/* Putting an object together: the machine behind puts and copies. */
#ifndef ATH_ENGINE_S3_UPLOAD_H
#define ATH_ENGINE_S3_UPLOAD_H

#include "engine/s3_sweep.h"

enum ath__s3_source { ATH__S3_MEMORY, ATH__S3_FILE, ATH__S3_STREAM, ATH__S3_COPY };

enum ath__s3_upload_phase {
    ATH__S3_UPLOAD_IDLE,   /* nothing asked for yet, or only the copy's source */
    ATH__S3_UPLOAD_SINGLE, /* PutObject or CopyObject */
    ATH__S3_UPLOAD_CREATING,
    ATH__S3_UPLOAD_PARTS,
    ATH__S3_UPLOAD_COMPLETING,
    ATH__S3_UPLOAD_CHECKING, /* an answer was lost: whose object is there? */
    ATH__S3_UPLOAD_ABORTING,
    ATH__S3_UPLOAD_SWEEPING, /* the end is known; an upload whose id was lost is looked for */
};

/* Bytes of a part in memory of ours. */
struct ath__s3_piece {
    struct ath__node node; /* stream.full, io.reading */
    struct ath__buf bytes;
    uint64_t offset; /* in the file */
    size_t wanted;   /* of the file */
    struct ath__task task;
    struct ath__s3_upload *upload;
};

struct ath__s3_upload {
    struct ath__s3_op s3; /* first */
    int source;
    struct ath_slice body; /* lent */
    int fd;
    uint64_t size; /* of memory, file, copied object */
    const char *if_none_match, *if_match;
    uint64_t part_bytes;
    uint32_t parallel;
    const char *source_bucket;
    struct ath_slice source_key;
    const char *source_version_id;
    const char *copy_source; /* the header's value */
    uint64_t multipart_from;

    struct {                   /* under op.lock */
        struct ath__node full; /* pieces for the I/O thread */
        struct ath__s3_piece *filling;
        uint32_t pieces; /* begun so far, the one being filled included */
        uint64_t bytes;  /* taken and not stored yet */
        bool ended;
        bool closed; /* the operation takes no more */
    } stream;

    struct ath__s3_late late;
    struct ath__s3_sweep sweep;
    bool wants_sweep; /* I/O thread: the answer to CreateMultipartUpload was lost */

    struct {
        int phase;
        bool given_up; /* cancelled; late.err tells */
        struct ath__buf upload_id;
        struct ath__s3_part *parts;
        char (*checksums)[16];
        uint32_t parts_count, parts_cap;
        uint32_t in_flight;
        uint64_t next; /* offset of the next part */
        uint32_t aborts, abort_tries;
        int checksum; /* of the parts */
        const char *source_etag;
        struct ath__buf source_head; /* of HeadObject: metadata to repeat */
        char expected_etag[80];      /* of what was sent; "": not known */
        struct ath_error lost;       /* what the check explains */
        struct ath__node reading;    /* pieces that are read from the file */
    } io;
};

extern const struct ath__op_type ath__s3_upload_type;
int ath__s3_upload_new(
    struct ath_client *client,
    struct ath_queue *queue,
    void *user,
    struct ath__s3_upload **out_up,
    struct ath_error *err);
struct ath__s3_piece *ath__s3_piece_new(size_t max);
void ath__s3_piece_free(struct ath__s3_piece *piece);
/* How long part `number` (from 1) of a stream gets: longer ones late, so that 10,000 suffice. */
uint64_t ath__s3_stream_part_bytes(const struct ath__s3_upload *upload, uint32_t number);

int ath__s3_check_parts(uint64_t part_bytes, uint32_t parallel, struct ath_error *err);

void ath__s3_pieces_drop(struct ath__node *list);
/* I/O thread: all that was written and is not stored; a part that is; the next full piece. */
void ath__s3_stream_drop(struct ath__s3_upload *up);
void ath__s3_stream_stored(struct ath__s3_upload *up, size_t bytes);
struct ath__s3_piece *ath__s3_stream_take(struct ath__s3_upload *up, bool *out_ended);

/* s3_etag.c. Room for part `number`; what an answer tells of a part: 0, NOMEM or PROTOCOL. */
int ath__s3_part_reserve(struct ath__s3_upload *up, uint32_t number);
int ath__s3_part_keep(struct ath__s3_upload *up, struct ath__s3_call *s, struct ath_error *err);
/* Fill io.expected_etag, which stays empty when it cannot be told. */
void ath__s3_expect_whole(struct ath__s3_upload *up, struct ath_slice body);
void ath__s3_expect_joined(struct ath__s3_upload *up);

/* s3_copy.c. What a copy in parts would lose: the source's headers, unless they are replaced. */
int ath__s3_copy_metadata(struct ath__s3_upload *up, struct ath__s3_call *s);
/* The source's keys of SSE-C by the names that HeadObject knows. */
int ath__s3_copy_source_keys(struct ath__s3_upload *up, struct ath__s3_call *s);

#endif
