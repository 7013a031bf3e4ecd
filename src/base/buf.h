/* A growing byte buffer with a cap fixed at its start. */
#ifndef ATH_BASE_BUF_H
#define ATH_BASE_BUF_H

#include "base/slice.h"

struct ath__buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max; /* len never passes it */
};

/* No allocation; `max` is in bytes. */
void ath__buf_init(struct ath__buf *buf, size_t max);
void ath__buf_clear(struct ath__buf *buf);
void ath__buf_wipe(struct ath__buf *buf); /* overwrites and clears */
/* Room for `more` bytes behind len. 0, ATH_ERR_NOMEM or ATH_ERR_TOO_LARGE (past max). */
int ath__buf_reserve(struct ath__buf *buf, size_t more);
int ath__buf_add(struct ath__buf *buf, const void *data, size_t len);
int ath__buf_add_str(struct ath__buf *buf, const char *text);
int ath__buf_add_slice(struct ath__buf *buf, struct ath_slice data);
int ath__buf_add_char(struct ath__buf *buf, char c);
int ath__buf_add_u64(struct ath__buf *buf, uint64_t value);
/* `"..."` with JSON's escapes; the bytes must be UTF-8 (checked: ATH_ERR_INVALID). */
int ath__buf_add_json(struct ath__buf *buf, struct ath_slice text);

static inline struct ath_slice ath__buf_slice(const struct ath__buf *buf) {
    return (struct ath_slice){buf->ptr, buf->len};
}

#endif
