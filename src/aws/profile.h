/* AWS's config and credentials files: sections, keys, one level of nesting by indentation. */
#ifndef ATH_AWS_PROFILE_H
#define ATH_AWS_PROFILE_H

#include "base/arena.h"

#include <athena/error.h>

#define ATH__PROFILE_FILE_MAX (1u << 20)

struct ath__profile_section {
    struct ath__profile_section *next;
    const char *kind; /* "profile", "services" ...; "" in a header of one word */
    const char *name;
};

struct ath__profile_entry {
    struct ath__profile_entry *next;
    const struct ath__profile_section *section;
    const char *parent; /* the key this one is nested under, "" at the first level */
    const char *key;    /* lower case */
    char *value;        /* trimmed */
    unsigned line;
    bool is_continued; /* indented lines follow a value: not read */
};

/* Both lists newest first, so that the last of equal keys is found. */
struct ath__profile_file {
    struct ath__profile_section *sections;
    struct ath__profile_entry *entries;
};

/* `path` is for messages. With `has_kinds` a header of two words is kind and name (the config
 * file), else all of it is the name (the credentials file). Errors: CONFIG (names file and line),
 * NOMEM. */
int ath__profile_parse(
    struct ath_slice text,
    const char *path,
    bool has_kinds,
    struct ath__arena *arena,
    struct ath__profile_file *out,
    struct ath_error *err);

bool ath__profile_has(const struct ath__profile_file *file, const char *kind, const char *name);
/* NULL when it is not there. */
const struct ath__profile_entry *ath__profile_find(
    const struct ath__profile_file *file,
    const char *kind,
    const char *name,
    const char *parent,
    const char *key);

#endif
