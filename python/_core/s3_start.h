/* Methods of Client that start an operation on S3; each returns a new Query, or NULL with an
 * exception. */
#ifndef CORE_S3_START_H
#define CORE_S3_START_H

#include "state.h"

/* They are vectorcalls. */
#define CORE_S3_METHOD(name)                                                                       \
    PyObject *name(                                                                                \
        struct core_state *state,                                                                  \
        struct ath_client *client,                                                                 \
        PyObject *const *args,                                                                     \
        Py_ssize_t count,                                                                          \
        PyObject *names)

CORE_S3_METHOD(core_s3_call);
CORE_S3_METHOD(core_s3_get);
CORE_S3_METHOD(core_s3_put);
CORE_S3_METHOD(core_s3_copy);
CORE_S3_METHOD(core_s3_list);
CORE_S3_METHOD(core_s3_delete);
CORE_S3_METHOD(core_s3_presign); /* gives a str at once */

#endif
