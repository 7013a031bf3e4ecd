#include "aws/profile.h"

#include "base/err.h"
#include "base/utf8.h"

/* The state between lines. */
struct reader {
    struct ath__arena *arena;
    struct ath__profile_file *file;
    struct ath__profile_entry *last; /* the first-level key lines may be nested under */
    size_t last_indent;
    unsigned line;
    bool has_kinds;
    const char *wrong; /* NULL, or what is wrong with the line */
};

static struct ath_slice cut_front(struct ath_slice text, size_t count) {
    return ath__slice(text.ptr + count, text.len - count);
}

/* Without quotes of either kind around it; false when one is left open or stands inside. */
static bool unquote(struct ath_slice *text) {
    char quote = text->len ? text->ptr[0] : '\0';
    if (quote != '"' && quote != '\'')
        return true;
    if (text->len < 2 || text->ptr[text->len - 1] != quote)
        return false;
    *text = ath__slice(text->ptr + 1, text->len - 2);
    return !memchr(text->ptr, quote, text->len);
}

static int read_section(struct reader *r, struct ath_slice line) {
    const char *close = memchr(line.ptr, ']', line.len);
    if (!close) {
        r->wrong = "the section's ']' is missing";
        return 0;
    }
    struct ath_slice after = ath__slice_trim(cut_front(line, (size_t)(close - line.ptr) + 1));
    if (after.len > 0 && after.ptr[0] != '#' && after.ptr[0] != ';') {
        r->wrong = "text follows the section's ']'";
        return 0;
    }
    struct ath_slice name =
        ath__slice_trim(ath__slice(line.ptr + 1, (size_t)(close - line.ptr) - 1));
    struct ath_slice kind = {"", 0};
    size_t end = 0;
    while (end < name.len && name.ptr[end] != ' ' && name.ptr[end] != '\t')
        end++;
    if (r->has_kinds && end < name.len) {
        kind = ath__slice(name.ptr, end);
        name = ath__slice_trim(cut_front(name, end));
    }
    if (!unquote(&name) || name.len == 0) {
        r->wrong = "the section's name is empty or its quotes are not balanced";
        return 0;
    }
    struct ath__profile_section *section = ath__arena_alloc(r->arena, sizeof *section);
    if (!section)
        return ATH_ERR_NOMEM;
    *section = (struct ath__profile_section){
        .next = r->file->sections,
        .kind = ath__arena_copy(r->arena, kind),
        .name = ath__arena_copy(r->arena, name),
    };
    r->file->sections = section;
    r->last = NULL;
    return section->kind && section->name ? 0 : ATH_ERR_NOMEM;
}

/* "key = value" (or "key: value"). */
static int read_key(struct reader *r, struct ath_slice line, const char *parent) {
    size_t end = 0;
    while (end < line.len && line.ptr[end] != '=' && line.ptr[end] != ':')
        end++;
    struct ath_slice key = ath__slice_trim(ath__slice(line.ptr, end));
    if (end == line.len || key.len == 0) {
        r->wrong = "'key = value' was expected";
        return 0;
    }
    struct ath__profile_entry *entry = ath__arena_alloc(r->arena, sizeof *entry);
    if (!entry)
        return ATH_ERR_NOMEM;
    *entry = (struct ath__profile_entry){
        .next = r->file->entries,
        .section = r->file->sections,
        .parent = parent,
        .key = ath__arena_copy_lower(r->arena, key),
        .value = ath__arena_copy(r->arena, ath__slice_trim(cut_front(line, end + 1))),
        .line = r->line,
    };
    if (!entry->key || !entry->value)
        return ATH_ERR_NOMEM;
    r->file->entries = entry;
    if (!*parent)
        r->last = entry;
    return 0;
}

static int read_line(struct reader *r, struct ath_slice line) {
    size_t indent = 0;
    while (indent < line.len && (line.ptr[indent] == ' ' || line.ptr[indent] == '\t'))
        indent++;
    struct ath_slice text = ath__slice_trim(line);
    if (text.len == 0 || text.ptr[0] == '#' || text.ptr[0] == ';')
        return 0;
    if (r->last && indent > r->last_indent) {
        if (!*r->last->value)
            return read_key(r, text, r->last->key);
        r->last->is_continued = true;
        return 0;
    }
    if (text.ptr[0] == '[')
        return read_section(r, text);
    if (!r->file->sections) {
        r->wrong = "a section such as [default] must come first";
        return 0;
    }
    r->last_indent = indent;
    return read_key(r, text, "");
}

int ath__profile_parse(
    struct ath_slice text,
    const char *path,
    bool has_kinds,
    struct ath__arena *arena,
    struct ath__profile_file *out,
    struct ath_error *err) {
    struct reader r = {.arena = arena, .file = out, .has_kinds = has_kinds};
    int rc = 0;
    *out = (struct ath__profile_file){NULL, NULL};
    if (text.len > ATH__PROFILE_FILE_MAX)
        return ath__err_set(err, ATH_ERR_CONFIG, "%s is larger than 1 MiB", path);
    if (text.len && memchr(text.ptr, '\0', text.len))
        return ath__err_set(err, ATH_ERR_CONFIG, "%s holds a NUL byte", path);
    if (!ath__utf8_is_valid(text.ptr, text.len))
        return ath__err_set(err, ATH_ERR_CONFIG, "%s is not UTF-8", path);
    if (ath__slice_starts(text, "\xef\xbb\xbf"))
        text = cut_front(text, 3);
    while (!rc && !r.wrong && text.len > 0) {
        r.line++;
        rc = read_line(&r, ath__slice_split(&text, '\n'));
    }
    if (!rc && !r.wrong)
        return 0;
    *out = (struct ath__profile_file){NULL, NULL};
    if (rc)
        return ath__err_nomem(err);
    return ath__err_set(err, ATH_ERR_CONFIG, "%s, line %u: %s", path, r.line, r.wrong);
}

bool ath__profile_has(const struct ath__profile_file *file, const char *kind, const char *name) {
    for (const struct ath__profile_section *s = file->sections; s; s = s->next)
        if (strcmp(s->kind, kind) == 0 && strcmp(s->name, name) == 0)
            return true;
    return false;
}

const struct ath__profile_entry *ath__profile_find(
    const struct ath__profile_file *file,
    const char *kind,
    const char *name,
    const char *parent,
    const char *key) {
    for (const struct ath__profile_entry *e = file->entries; e; e = e->next)
        if (strcmp(e->key, key) == 0 && strcmp(e->parent, parent) == 0 &&
            strcmp(e->section->kind, kind) == 0 && strcmp(e->section->name, name) == 0)
            return e;
    return NULL;
}
