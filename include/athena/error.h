/*
 * Errors: one table of codes, and the caller-owned record that tells what happened.
 */
#ifndef ATHENA_ERROR_H
#define ATHENA_ERROR_H

#include <athena/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* name, value, text. Values never change meaning; removed ones stay reserved. */
#define ATH_ERROR_TABLE(X)                                                                         \
    X(OK, 0, "success")                                                                            \
    X(NOMEM, -1, "out of memory")                                                                  \
    X(INVALID, -2, "invalid argument")                                                             \
    X(STATE, -3, "call not allowed in this state")                                                 \
    X(CONFIG, -4, "configuration is missing or wrong")                                             \
    X(CREDENTIALS, -5, "no usable credentials")                                                    \
    X(UNSUPPORTED, -6, "not supported by this version")                                            \
    X(CONNECT, -10, "could not connect")                                                           \
    X(DNS, -11, "could not resolve a host name")                                                   \
    X(TLS, -12, "TLS handshake or verification failed")                                            \
    X(PROXY, -13, "the proxy refused or failed")                                                   \
    X(IO, -14, "the connection broke")                                                             \
    X(TIMEOUT, -15, "the deadline passed")                                                         \
    X(PROTOCOL, -16, "the peer sent a malformed answer")                                           \
    X(TOO_LARGE, -17, "the answer is larger than the limit")                                       \
    X(SERVICE, -20, "the service refused the request")                                             \
    X(THROTTLED, -21, "the service throttled the request")                                         \
    X(ACCESS, -22, "access denied")                                                                \
    X(NOT_FOUND, -23, "not found")                                                                 \
    X(QUERY_FAILED, -30, "the query failed")                                                       \
    X(QUERY_CANCELLED, -31, "the query was cancelled")                                             \
    X(CANCELLED, -32, "the operation was cancelled by the caller")                                 \
    X(VALUE, -33, "a value does not fit its type")                                                 \
    X(FORKED, -40, "the handle belongs to the parent process")                                     \
    X(SHUTDOWN, -41, "the library is shutting down")                                               \
    X(SYSTEM, -42, "the operating system refused a resource")

/* What went wrong, as a class: ATH_ERR_NAME for each row of the table. */
enum ath_error_code {
#define ATH_ERROR_ENUM(name, value, text) ATH_ERR_##name = (value),
    ATH_ERROR_TABLE(ATH_ERROR_ENUM)
#undef ATH_ERROR_ENUM
};
#define ATH_OK 0

/*
 * What happened. Owned by the caller, plain data, may be copied; a function that returns 0 leaves
 * it untouched. `message` is a sentence in UTF-8, cut at a character when it is longer. The service
 * fields are empty unless AWS answered: `service_code` is AWS's own code ("ThrottlingException"),
 * `operation` the API's name ("StartQueryExecution"), `request_id` from x-amzn-RequestId.
 */
struct ath_error {
    int code;
    int http_status;
    uint32_t attempts; /* calls made on the wire, the first included; 0 when none was */
    char operation[40];
    char service_code[80];
    char request_id[64];
    char message[1024];
};

/* Text of a code for people, static storage; unknown codes give "unknown error". */
ATH_API const char *ath_error_text(int code);

/* Name of a code ("ATH_ERR_TIMEOUT"), static storage; unknown codes give "ATH_ERR_UNKNOWN". */
ATH_API const char *ath_error_name(int code);

#ifdef __cplusplus
}
#endif

#endif
