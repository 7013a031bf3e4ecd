/* Writes request bodies: members are given in order, commas and failures are kept track of. */
#ifndef ATH_AWS_JSON_WRITE_H
#define ATH_AWS_JSON_WRITE_H

#include "base/buf.h"

/* `rc` is the first failure; later puts do nothing then. */
struct ath__json_writer {
    struct ath__buf *out;
    int rc;
    bool needs_comma;
};

void ath__json_writer_init(struct ath__json_writer *w, struct ath__buf *out);
/* `key` NULL inside an array and at the top. `bracket` is '{' or '['; its close '}' or ']'. */
void ath__json_open(struct ath__json_writer *w, const char *key, char bracket);
void ath__json_close(struct ath__json_writer *w, char bracket);
void ath__json_put_slice(struct ath__json_writer *w, const char *key, struct ath_slice value);
/* Leaves the member out when `value` is NULL or "". */
void ath__json_put_text(struct ath__json_writer *w, const char *key, const char *value);
void ath__json_put_count(struct ath__json_writer *w, const char *key, int32_t value);
void ath__json_put_bool(struct ath__json_writer *w, const char *key, bool value);

#endif
