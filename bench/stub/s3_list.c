#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "s3.h"

enum { PAGE_MAX = 1000, PATH_SIZE = 2600 };

/* A page that is written. */
struct page {
    struct text body;
    bool encoded;     /* keys are percent-encoded */
    size_t room;      /* entries that may follow */
    size_t count;     /* entries written */
    char after[1100]; /* the last key or prefix: the continuation token */
};

static void add_name(struct page *page, const char *name) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";
    for (; *name; name++) {
        if (page->encoded && !strchr(plain, *name))
            stub_text_format(&page->body, "%%%02X", (unsigned char)*name);
        else if (*name == '&' || *name == '<' || *name == '>')
            stub_text_format(&page->body, "&#%d;", *name);
        else
            stub_text_add(&page->body, name, 1);
    }
}

static void add_object(struct page *page, const char *key, uint64_t size, uint64_t number) {
    stub_text_puts(&page->body, "<Contents><Key>");
    add_name(page, key);
    stub_text_format(
        &page->body,
        "</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
        "<ETag>&quot;00000001%024" PRIx64 "&quot;</ETag><Size>%" PRIu64
        "</Size><StorageClass>STANDARD</StorageClass></Contents>",
        number,
        size);
}

static void add_prefix(struct page *page, const char *prefix) {
    stub_text_puts(&page->body, "<CommonPrefixes><Prefix>");
    add_name(page, prefix);
    stub_text_puts(&page->body, "</Prefix></CommonPrefixes>");
}

/* Counts an entry; false when the page is full. */
static bool take_room(struct page *page, const char *name) {
    if (page->count == page->room)
        return false;
    page->count++;
    snprintf(page->after, sizeof page->after, "%s", name);
    return true;
}

/* The keys of "list/<count>/<name>...". Returns whether there are more. */
static bool list_generated(
    struct page *page, const char *prefix, uint64_t count, const char *name, const char *after) {
    size_t folder = (size_t)(name - prefix);
    uint64_t number = 0;
    char key[1100];
    if (folder + 64 > sizeof key)
        return false;
    memcpy(key, prefix, folder);
    if (strncmp(after, prefix, folder) == 0 && strncmp(after + folder, "part-", 5) == 0)
        number = strtoull(after + folder + 5, NULL, 10);
    for (; number < count; number++) {
        stub_pattern_name(key + folder, sizeof key - folder, number);
        if (strcmp(key, after) <= 0 || strncmp(key + folder, name, strlen(name)) != 0)
            continue;
        if (!take_room(page, key))
            return true;
        add_object(page, key, LIST_ITEM_SIZE, number);
    }
    return false;
}

/* The keys that were written. Names up to a delimiter are one entry. */
static bool list_written(
    struct page *page,
    struct stub *stub,
    const char *bucket_prefix,
    const char *delimiter,
    const char *after) {
    const char *prefix = strchr(bucket_prefix, '/') + 1;
    size_t bucket = (size_t)(prefix - bucket_prefix), count;
    struct object **found = stub_store_list(&stub->store, bucket_prefix, &count);
    bool more = false;
    page->body.failed |= !found;
    for (size_t i = 0; found && i < count; i++) {
        const char *key = found[i]->path + bucket;
        const char *cut = *delimiter ? strstr(key + strlen(prefix), delimiter) : NULL;
        char folder[1100];
        snprintf(
            folder,
            sizeof folder,
            "%.*s",
            cut ? (int)(cut + strlen(delimiter) - key) : (int)strlen(key),
            key);
        if (strcmp(folder, after) <= 0 || (cut && strcmp(folder, page->after) == 0))
            continue;
        more = !take_room(page, folder);
        if (more)
            break;
        if (cut)
            add_prefix(page, folder);
        else
            add_object(page, key, found[i]->size, found[i]->number);
    }
    free(found);
    return more;
}

static size_t read_room(const struct s3_request *request) {
    const char *value;
    if (!stub_s3_argument(request, "max-keys", &value))
        return PAGE_MAX;
    unsigned long keys = strtoul(value, NULL, 10);
    return keys < PAGE_MAX ? keys : PAGE_MAX;
}

struct reply stub_s3_list(const struct s3_request *request) {
    struct stub *stub = request->stub;
    const char *prefix = "", *delimiter = "", *after = "", *name;
    char path[PATH_SIZE];
    uint64_t count;
    struct page page = {.room = read_room(request)};
    stub_s3_argument(request, "prefix", &prefix);
    stub_s3_argument(request, "delimiter", &delimiter);
    if (!stub_s3_argument(request, "continuation-token", &after))
        stub_s3_argument(request, "start-after", &after);
    page.encoded = stub_s3_argument(request, "encoding-type", NULL);
    snprintf(path, sizeof path, "%.*s/%s", (int)strcspn(request->path, "/"), request->path, prefix);
    stub_text_puts(
        &page.body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    bool more;
    if (stub_pattern_list(prefix, &count, &name)) {
        more = list_generated(&page, prefix, count, name, after);
    } else {
        pthread_mutex_lock(&stub->lock);
        more = list_written(&page, stub, path, delimiter, after);
        pthread_mutex_unlock(&stub->lock);
    }
    stub_text_format(
        &page.body,
        "<KeyCount>%zu</KeyCount><IsTruncated>%s</IsTruncated>",
        page.count,
        more ? "true" : "false");
    if (more && page.count) {
        stub_text_puts(&page.body, "<NextContinuationToken>");
        bool encoded = page.encoded;
        page.encoded = false; /* S3 does not encode it */
        add_name(&page, page.after);
        page.encoded = encoded;
        stub_text_puts(&page.body, "</NextContinuationToken>");
    }
    if (page.encoded)
        stub_text_puts(&page.body, "<EncodingType>url</EncodingType>");
    stub_text_puts(&page.body, "</ListBucketResult>");
    return stub_reply(MHD_HTTP_OK, &page.body, "application/xml");
}
