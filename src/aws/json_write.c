#include "aws/json_write.h"

void ath__json_writer_init(struct ath__json_writer *w, struct ath__buf *out) {
    *w = (struct ath__json_writer){.out = out};
}

/* The comma and the key; keys are plain ASCII of ours. */
static void put_key(struct ath__json_writer *w, const char *key) {
    if (!w->rc && w->needs_comma)
        w->rc = ath__buf_add_char(w->out, ',');
    w->needs_comma = true;
    if (!key)
        return;
    if (!w->rc)
        w->rc = ath__buf_add_json(w->out, ath__slice_str(key));
    if (!w->rc)
        w->rc = ath__buf_add_char(w->out, ':');
}

void ath__json_open(struct ath__json_writer *w, const char *key, char bracket) {
    put_key(w, key);
    if (!w->rc)
        w->rc = ath__buf_add_char(w->out, bracket);
    w->needs_comma = false;
}

void ath__json_close(struct ath__json_writer *w, char bracket) {
    if (!w->rc)
        w->rc = ath__buf_add_char(w->out, bracket);
    w->needs_comma = true;
}

void ath__json_put_slice(struct ath__json_writer *w, const char *key, struct ath_slice value) {
    put_key(w, key);
    if (!w->rc)
        w->rc = ath__buf_add_json(w->out, value);
}

void ath__json_put_text(struct ath__json_writer *w, const char *key, const char *value) {
    if (value && *value)
        ath__json_put_slice(w, key, ath__slice_str(value));
}

void ath__json_put_count(struct ath__json_writer *w, const char *key, int32_t value) {
    put_key(w, key);
    if (!w->rc)
        w->rc = ath__buf_add_u64(w->out, value > 0 ? (uint64_t)value : 0);
}

void ath__json_put_bool(struct ath__json_writer *w, const char *key, bool value) {
    put_key(w, key);
    if (!w->rc)
        w->rc = ath__buf_add_str(w->out, value ? "true" : "false");
}
