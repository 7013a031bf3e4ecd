/* The result objects: GET and HEAD in path style, with Range and the conditional headers. */
#ifndef STUB_S3_H
#define STUB_S3_H

#include "http.h"

/* get is false for HEAD. */
struct reply
stub_s3_answer(struct stub *stub, struct MHD_Connection *connection, const char *path, bool get);

#endif
