#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS_MAX = 1000000, KEPT_MAX = 512 << 20 };

static struct object **head_of(struct store *store, const char *path) {
    uint64_t value = 0xcbf29ce484222325u;
    for (; *path; path++)
        value = (value ^ (unsigned char)*path) * 0x100000001b3u;
    return &store->heads[(value >> 20) % STORE_HEADS];
}

static struct object **link_of(struct store *store, const char *path) {
    struct object **link = head_of(store, path);
    while (*link && strcmp((*link)->path, path) != 0)
        link = &(*link)->next;
    return link;
}

static void drop(struct store *store, struct object **link) {
    struct object *object = *link;
    *link = object->next;
    if (object->bytes)
        store->kept_bytes -= (size_t)object->size;
    free(object->bytes);
    free(object);
    store->count--;
}

void stub_store_reset(struct store *store) {
    for (size_t i = 0; i < STORE_HEADS; i++)
        while (store->heads[i])
            drop(store, &store->heads[i]);
    while (store->uploads)
        stub_store_close(store, store->uploads);
    store->received = store->deleted = 0;
}

struct object *stub_store_put(struct store *store, const char *path, uint64_t size) {
    stub_store_remove(store, path);
    size_t len = strlen(path) + 1;
    struct object *object = store->count < OBJECTS_MAX ? calloc(1, sizeof *object + len) : NULL;
    if (!object)
        return NULL;
    struct object **head = head_of(store, path);
    memcpy(object->path, path, len);
    object->size = size;
    object->number = ++store->numbers;
    object->next = *head;
    *head = object;
    store->count++;
    return object;
}

void stub_store_keep(struct store *store, struct object *object, char *bytes) {
    if (store->kept_bytes + object->size > KEPT_MAX) {
        free(bytes);
        return;
    }
    object->bytes = bytes;
    store->kept_bytes += (size_t)object->size;
}

void stub_store_etag(char *out, uint64_t number) {
    snprintf(out, STORE_ETAG_SIZE, "\"00000001%024" PRIx64 "\"", number);
}

struct object *stub_store_find(struct store *store, const char *path) {
    return *link_of(store, path);
}

void stub_store_remove(struct store *store, const char *path) {
    struct object **link = link_of(store, path);
    if (*link)
        drop(store, link);
}

static int compare(const void *a, const void *b) {
    const struct object *const *left = a, *const *right = b;
    return strcmp((*left)->path, (*right)->path);
}

struct object **stub_store_list(struct store *store, const char *prefix, size_t *count) {
    struct object **found = malloc((store->count + 1) * sizeof *found);
    size_t len = strlen(prefix);
    *count = 0;
    for (size_t i = 0; found && i < STORE_HEADS; i++)
        for (struct object *object = store->heads[i]; object; object = object->next)
            if (strncmp(object->path, prefix, len) == 0)
                found[(*count)++] = object;
    if (found)
        qsort(found, *count, sizeof(struct object *), compare);
    return found;
}

struct upload *stub_store_open(struct store *store, const char *path) {
    size_t len = strlen(path) + 1;
    struct upload *upload = calloc(1, sizeof *upload + len);
    if (!upload)
        return NULL;
    memcpy(upload->path, path, len);
    upload->id = ++store->numbers;
    upload->next = store->uploads;
    return store->uploads = upload;
}

struct upload *stub_store_upload(struct store *store, const char *path, const char *id) {
    uint64_t number = strtoull(id, NULL, 16);
    struct upload *upload = store->uploads;
    while (upload && (upload->id != number || strcmp(upload->path, path) != 0))
        upload = upload->next;
    return upload;
}

bool stub_store_part(struct upload *upload, unsigned long number, uint64_t size) {
    if (number < 1 || number > STORE_PARTS_MAX)
        return false;
    if (number > upload->count) {
        uint64_t *sizes = realloc(upload->sizes, number * sizeof *sizes);
        if (!sizes)
            return false;
        upload->sizes = sizes;
        while (upload->count < number)
            sizes[upload->count++] = UINT64_MAX;
    }
    upload->sizes[number - 1] = size;
    return true;
}

void stub_store_close(struct store *store, struct upload *upload) {
    struct upload **link = &store->uploads;
    while (*link != upload)
        link = &(*link)->next;
    *link = upload->next;
    free(upload->sizes);
    free(upload);
}
