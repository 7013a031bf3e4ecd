/* Amazon S3's REST API in path style, as much as transfers need. Objects are the results of
 * queries, generated ones (pattern.h), and what was written (store.h). */
#ifndef STUB_S3_H
#define STUB_S3_H

#include "http.h"

struct s3_request {
    struct stub *stub;
    struct MHD_Connection *connection;
    const char *method;
    const char *path; /* "bucket/key" */
    const char *key;  /* "": the bucket itself */
    const struct text *body;
    uint64_t received; /* bytes of the body, of which only short ones are kept */
};

struct reply stub_s3_answer(
    struct stub *stub,
    struct MHD_Connection *connection,
    const char *url,
    const char *method,
    const struct text *body,
    uint64_t received);

/* -- parts of it, in files of their own */

struct reply stub_s3_list(const struct s3_request *request);
struct reply stub_s3_put(const struct s3_request *request);
struct reply stub_s3_post(const struct s3_request *request);
struct reply stub_s3_delete(const struct s3_request *request);

struct reply stub_s3_error(unsigned status, const char *code, const char *message);
struct reply stub_s3_empty(unsigned status);

/* A header, or NULL. */
const char *stub_s3_header(const struct s3_request *request, const char *name);

/* Whether a query parameter is there; its value, "" without one. */
bool stub_s3_argument(const struct s3_request *request, const char *name, const char **value);

#endif
