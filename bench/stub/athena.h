/* Athena's query calls, AWS JSON 1.1. Signatures are not looked at. */
#ifndef STUB_ATHENA_H
#define STUB_ATHENA_H

#include <jansson.h>

#include "http.h"

/* target is the value of X-Amz-Target. */
struct reply stub_athena_answer(struct stub *stub, const char *target, const struct text *body);

struct reply stub_athena_error(unsigned status, const char *type, const char *message);
struct reply stub_athena_invalid(const char *message);
struct reply stub_athena_json(struct text *body);

#endif
