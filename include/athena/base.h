/*
 * Ground for every public header: export mark, byte views, the version.
 *
 * Every handle of this library is opaque and reference-counted: `_new` or `_start` gives one
 * reference, `_retain` adds one, `_release` drops one (NULL is allowed and does nothing). All
 * functions may be called from any thread unless their comment says otherwise. Functions that can
 * fail return 0 or a negative ATH_ERR_* code and fill the caller's `struct ath_error` when it is
 * not NULL (see athena/error.h).
 */
#ifndef ATHENA_BASE_H
#define ATHENA_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the shared library exports. */
#if defined(__GNUC__) || defined(__clang__)
#define ATH_API __attribute__((visibility("default")))
#else
#define ATH_API
#endif

/* The version of these headers; ath_version() tells that of the library which runs. */
#define ATH_VERSION_MAJOR 0
#define ATH_VERSION_MINOR 1
#define ATH_VERSION_PATCH 0

/* A view of bytes that somebody else owns; not NUL-terminated. `ptr` may be NULL when `len` is 0.
 */
struct ath_slice {
    const char *ptr;
    size_t len;
};

/* The version of the library that runs, as "major.minor.patch"; static storage. */
ATH_API const char *ath_version(void);

/*
 * Hooks for memory, for programs that account for it or test its failure. Set before any other
 * call and from one thread; NULL members fall back to malloc, realloc and free. The three hooks are
 * called from any thread. Memory that crosses the API (Arrow arrays) is released by its own release
 * callback, so the hooks need not match the caller's allocator.
 */
struct ath_allocator {
    void *(*alloc)(size_t size, void *user);
    void *(*realloc)(void *ptr, size_t size, void *user);
    void (*free)(void *ptr, void *user);
    void *user;
};
ATH_API void ath_allocator_set(const struct ath_allocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
