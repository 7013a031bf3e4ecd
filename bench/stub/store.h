/* The objects that clients wrote, and their open multipart uploads. Bytes are kept of small objects
 * only; of others the size. Not locked: callers hold the stub's lock. */
#ifndef STUB_STORE_H
#define STUB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STORE_KEEP_MAX = 64 << 10, /* largest object whose bytes are kept */
    STORE_PARTS_MAX = 10000,
    STORE_HEADS = 1 << 14,
    STORE_ETAG_SIZE = 48,
};

/* An object; path is "bucket/key". */
struct object {
    struct object *next;
    uint64_t size;
    uint64_t number; /* what its ETag is made of */
    char *bytes;     /* NULL when not kept */
    uint64_t seed;   /* of generated content */
    bool generated;
    char path[];
};

struct upload {
    struct upload *next;
    uint64_t id;
    uint64_t *sizes; /* of part i + 1, UINT64_MAX where missing */
    size_t count;
    char path[];
};

struct store {
    struct object *heads[STORE_HEADS];
    size_t count;
    size_t kept_bytes;
    uint64_t numbers;
    struct upload *uploads;
    uint64_t received; /* payload bytes of all writes since the reset */
    uint64_t deleted;  /* keys named by deletions since the reset */
};

void stub_store_reset(struct store *store);

/* Makes or replaces an object without content. NULL: out of memory or the store is full. */
struct object *stub_store_put(struct store *store, const char *path, uint64_t size);

/* Takes over the bytes of an object, at most STORE_KEEP_MAX; frees them when too many are kept
 * already. */
void stub_store_keep(struct store *store, struct object *object, char *bytes);

/* The ETag of an object's number, with its quotes; of STORE_ETAG_SIZE bytes. */
void stub_store_etag(char *out, uint64_t number);

struct object *stub_store_find(struct store *store, const char *path);
void stub_store_remove(struct store *store, const char *path);

/* The objects whose path begins with prefix, sorted; the caller frees the array. */
struct object **stub_store_list(struct store *store, const char *prefix, size_t *count);

struct upload *stub_store_open(struct store *store, const char *path);
struct upload *stub_store_upload(struct store *store, const char *path, const char *id);

/* Records a part; false: bad number or out of memory. */
bool stub_store_part(struct upload *upload, unsigned long number, uint64_t size);
void stub_store_close(struct store *store, struct upload *upload);

#endif
