#include "pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 13 };

static unsigned char pattern[PATTERN_SIZE];

void stub_pattern_init(void) {
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < PATTERN_SIZE; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        pattern[i] = (unsigned char)(state >> 24);
    }
}

struct iovec stub_pattern_at(uint64_t seed, uint64_t offset) {
    size_t at = (size_t)((seed + offset) % PATTERN_SIZE);
    return (struct iovec){pattern + at, PATTERN_SIZE - at};
}

static uint64_t hash(const char *text) {
    uint64_t value = 0xcbf29ce484222325u;
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 0x100000001b3u;
    return value % PATTERN_SIZE;
}

/* Reads "<word>/<number>/"; returns what follows, or NULL. */
static const char *read_folder(const char *key, const char *word, uint64_t *number) {
    size_t len = strlen(word);
    if (strncmp(key, word, len) != 0 || key[len] != '/')
        return NULL;
    const char *digits = key + len + 1;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > DIGITS_MAX || digits[count] != '/')
        return NULL;
    *number = strtoull(digits, NULL, 10);
    return digits + count + 1;
}

bool stub_pattern_find(const char *key, uint64_t *size, uint64_t *seed) {
    uint64_t number;
    const char *name = read_folder(key, "gen", &number);
    if (name && *name) {
        *size = number;
        *seed = hash(key);
        return true;
    }
    name = read_folder(key, "list", &number);
    char expected[64];
    if (!name || strncmp(name, "part-", 5) != 0)
        return false;
    uint64_t item = strtoull(name + 5, NULL, 10);
    stub_pattern_name(expected, sizeof expected, item);
    if (item >= number || strcmp(name, expected) != 0)
        return false;
    *size = LIST_ITEM_SIZE;
    *seed = hash(key);
    return true;
}

bool stub_pattern_list(const char *prefix, uint64_t *count, const char **name) {
    *name = read_folder(prefix, "list", count);
    return *name != NULL;
}

void stub_pattern_name(char *out, size_t size, uint64_t number) {
    snprintf(out, size, "part-%08llu.parquet", (unsigned long long)number);
}
