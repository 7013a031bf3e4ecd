/* What the files of the scripted library share. */
#ifndef FAKE_H
#define FAKE_H

#include <athena/athena.h>

#include <pthread.h>

#define EXPORT __attribute__((visibility("default")))
#define EVENTS_MAX 1024
#define BATCHES_MAX 256

struct ath_client {
    char region[64];
    char access_key_id[132];
    int64_t expires_at;
};

struct ath_execution {
    int count;
    char *json;
};

struct ath_queue {
    int count;
    int fd;
    size_t used;
    struct ath_event events[EVENTS_MAX];
};

struct ath_batch {
    int count;
    size_t rows;
    size_t columns_count;
    struct ath_column *columns;
};

struct ath_op {
    struct ath_op *next;
    int count;
    uint64_t token;
    void *user;
    struct ath_queue *queue;
    struct ath_column_info *columns;
    size_t columns_count;
    struct ath_batch *batches[BATCHES_MAX];
    size_t batches_first;
    size_t batches_count;
    bool finished;
    struct ath_error error;
    struct ath_execution *execution;
    int state;
    int cancels;
    int detaches;
    char text[4096]; /* what the operation was started with */
    struct fake_s3 *s3;
};

/* All of it is under this lock. */
extern pthread_mutex_t fake_lock;

struct ath_op *fake_find(uint64_t token);
struct ath_op *fake_op_new(struct ath_queue *queue, void *user);
void fake_post(struct ath_op *op, int type, int code, struct ath_execution *execution);
int fake_fail(struct ath_error *err, int code, const char *message);

/* Of fake_s3.c, with the lock held; `s3` may be NULL. */
bool fake_s3_is_ready(const struct fake_s3 *s3);
void fake_s3_touch(struct fake_s3 *s3);
void fake_s3_free(struct fake_s3 *s3);

#endif
