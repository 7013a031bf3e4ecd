/* What an AWS error answer says, and the retry class it gets (one place decides). Pure. */
#ifndef ATH_AWS_ERROR_PARSE_H
#define ATH_AWS_ERROR_PARSE_H

#include "base/slice.h"

#include <athena/error.h>

enum ath__retry_class {
    ATH__RETRY_NEVER = 0,
    ATH__RETRY_TRANSIENT = 1,   /* 5xx, broken connection, RequestTimeout: soon again */
    ATH__RETRY_THROTTLE = 2,    /* the call rate was refused */
    ATH__RETRY_QUERY_LIMIT = 3, /* TooManyRequestsException but for other Reasons */
    ATH__RETRY_EXPIRED = 4,     /* expired credentials: refresh, then once more */
    ATH__RETRY_SKEW = 5,        /* clock skew (definite, or possible with the offset above 4 min) */
};

struct ath__aws_error {
    char code[80];      /* without namespace and URI; HTTP status in digits when there is none */
    char message[1024]; /* UTF-8 */
    char reason[64];    /* TooManyRequestsException's Reason, else "" */
    int kind;           /* ATH_ERR_SERVICE, THROTTLED, ACCESS, NOT_FOUND, CREDENTIALS */
    int retry;          /* enum ath__retry_class */
};

/* What a code means where the status alone does not tell. */
struct ath__error_rule {
    const char *code;
    int kind;
    int retry;
};
/* A service's own rules, over those that all share; nothing for other codes. */
void ath__error_apply(
    const struct ath__error_rule *rules, size_t count, struct ath__aws_error *out);
/* One line of UTF-8, cut to fit: other bytes become '?', control characters blanks. */
void ath__error_line(char *out, size_t size, struct ath_slice text);
/* Whether a clock that is off by so much may be why a signature is refused. */
bool ath__skew_explains(int64_t skew_s);

/* `error_type` is the header x-amzn-ErrorType (may be empty); `extra_codes` further throttling
 * codes, comma-separated, or NULL; `skew_s` the difference between the server's Date and our clock.
 * Any body is accepted: what is no JSON becomes the message. */
void ath__aws_error_parse(
    int status,
    struct ath_slice error_type,
    struct ath_slice body,
    const char *extra_codes,
    int64_t skew_s,
    struct ath__aws_error *out);

/* The class of a transport failure (ATH_ERR_*). NXDOMAIN, TLS and proxy refusals never retry. */
int ath__retry_class_of_transport(int code);

/* The text callers match on: "An error occurred (Code) when calling the Operation operation: ..."
 */
void ath__aws_error_fill(
    const struct ath__aws_error *aws,
    const char *operation,
    int status,
    struct ath_slice request_id,
    uint32_t attempts,
    struct ath_error *err);

#endif
