/* Memory through the program's hooks; the only room that names malloc. */
#ifndef ATH_BASE_ALLOC_H
#define ATH_BASE_ALLOC_H

#include <stddef.h>

/* All return NULL when memory is short; size 0 gives a unique pointer. */
void *ath__alloc(size_t size);
void *ath__alloc_zero(size_t size);
void *ath__realloc(void *ptr, size_t size);
/* count * size with the overflow checked. */
void *ath__realloc_array(void *ptr, size_t count, size_t size);
void ath__free(void *ptr);
/* Copies of text; strdup of NULL gives NULL, which callers tell apart by their input. */
char *ath__strdup(const char *text);
char *ath__strndup(const char *text, size_t len);
/* Overwrites, also where the compiler sees that nobody reads it again; for secrets. */
void ath__wipe(void *ptr, size_t len);
/* Wipes a text and frees it. */
void ath__free_secret(char *text);

#endif
