/* Generated objects: any size, no memory. "gen/<bytes>/<name>" is an object of so many bytes, and
 * "list/<count>/" holds so many objects of LIST_ITEM_SIZE bytes. */
#ifndef STUB_PATTERN_H
#define STUB_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The bytes repeat after this many. It is prime, so equal parts of an object differ. */
enum { PATTERN_SIZE = 1048583, LIST_ITEM_SIZE = 4096 };

/* Fills the pattern; once, before threads start. */
void stub_pattern_init(void);

/* The longest piece of the content of seed that begins at an offset. */
struct iovec stub_pattern_at(uint64_t seed, uint64_t offset);

/* Size and seed of the generated object of a key; false when the key names none. */
bool stub_pattern_find(const char *key, uint64_t *size, uint64_t *seed);

/* How many keys a listing of prefix holds by "list/<count>/"; name is what follows that part of the
 * prefix. False when it is no such prefix. */
bool stub_pattern_list(const char *prefix, uint64_t *count, const char **name);

/* Writes the name of a listed object, at most 64 bytes; they sort by number below 10^8. */
void stub_pattern_name(char *out, size_t size, uint64_t number);

#endif
