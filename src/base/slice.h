/* Views of bytes. A slice never owns and never ends in NUL. */
#ifndef ATH_BASE_SLICE_H
#define ATH_BASE_SLICE_H

#include <athena/base.h>

#include <string.h>

static inline struct ath_slice ath__slice(const char *ptr, size_t len) {
    return (struct ath_slice){ptr, len};
}

static inline struct ath_slice ath__slice_str(const char *text) {
    return (struct ath_slice){text, text ? strlen(text) : 0};
}

/* Of a literal; INIT is for static initialisers, where C takes no compound literal. */
#define ATH__SLICE_INIT(text)                                                                      \
    { (text), sizeof(text) - 1 }
#define ATH__SLICE_LIT(text) ((struct ath_slice)ATH__SLICE_INIT(text))

static inline bool ath__slice_eq(struct ath_slice a, struct ath_slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool ath__slice_is(struct ath_slice a, const char *text) {
    return ath__slice_eq(a, ath__slice_str(text));
}

/* ASCII case only; never by locale. */
bool ath__slice_eq_nocase(struct ath_slice a, struct ath_slice b);
bool ath__slice_starts(struct ath_slice a, const char *prefix);
bool ath__slice_ends(struct ath_slice a, const char *suffix);
/* Without blanks, tabs, CR and LF at both ends. */
struct ath_slice ath__slice_trim(struct ath_slice a);
/* Cuts `rest` at the first `sep`: returns what stands before it and leaves what follows. Without
 * `sep` all is returned and `rest` becomes empty with a NULL pointer. */
struct ath_slice ath__slice_split(struct ath_slice *rest, char sep);
/* Decimal digits only, all of them; false on anything else or overflow. */
bool ath__slice_to_u64(struct ath_slice a, uint64_t *out_value);

#endif
