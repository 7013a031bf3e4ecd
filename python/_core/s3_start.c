#include "s3_start.h"

#include "error.h"
#include "query.h"
#include "queue.h"
#include "s3_args.h"

#include <string.h>

#define URL_FEW 8192
#define URL_MAX (256 << 10)

/* One start in the making. */
struct start {
    struct core_state *state;
    struct ath_queue *queue;
    struct core_query *self;
    PyObject *keep; /* what owns further memory until the call is made */
    struct core_s3_pairs query;
    struct core_s3_pairs headers;
    struct ath_error err;
    PyObject *values[CORE_S3_NAMES_COUNT];
};

static bool text(struct start *start, enum core_s3_name name, const char **out) {
    return core_s3_text(start->values[name], core_s3_parameter(name), out) == 0;
}

static bool slice(struct start *start, enum core_s3_name name, struct ath_slice *out) {
    return core_s3_slice(start->values[name], core_s3_parameter(name), out) == 0;
}

static bool pairs(struct start *start, enum core_s3_name name, struct core_s3_pairs *out) {
    return core_s3_pairs(start->values[name], core_s3_parameter(name), out) == 0;
}

static bool memory(struct start *start, enum core_s3_name name, bool writable, Py_buffer *out) {
    return core_s3_memory(start->values[name], core_s3_parameter(name), writable, out) == 0;
}

/* An argument that must not be None; a wrong type is the reader's to refuse. */
static bool given(struct start *start, enum core_s3_name name) {
    if (start->values[name] != Py_None)
        return true;
    PyErr_Format(PyExc_TypeError, "%s must be str, not NoneType", core_s3_parameter(name));
    return false;
}

static bool place(struct start *start, const char **bucket, struct ath_slice *key) {
    return given(start, CORE_S3_BUCKET) && given(start, CORE_S3_KEY) &&
           text(start, CORE_S3_BUCKET, bucket) && slice(start, CORE_S3_KEY, key);
}

static bool
number(struct start *start, enum core_s3_name name, int64_t min, int64_t max, int64_t *out) {
    return core_s3_number(start->values[name], core_s3_parameter(name), min, max, out) == 0;
}

static bool parts(struct start *start, uint64_t *part_bytes, uint32_t *parallel) {
    int64_t bytes = 0;
    int64_t at_once = 0;
    if (!number(start, CORE_S3_PART_BYTES, 0, INT64_MAX, &bytes) ||
        !number(start, CORE_S3_PARALLEL, 0, UINT32_MAX, &at_once))
        return false;
    *part_bytes = (uint64_t)bytes;
    *parallel = (uint32_t)at_once;
    return true;
}

/* As `user` of the other starts: what is too long is cut. */
static bool read_user(PyObject *value, unsigned long long *out) {
    if (!value)
        return true;
    if (!PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "user must be int, not %.100s", Py_TYPE(value)->tp_name);
        return false;
    }
    *out = PyLong_AsUnsignedLongLongMask(value);
    return !PyErr_Occurred();
}

/* Binds the arguments and reads those that all starts have. */
static bool begin(
    struct start *start,
    struct core_state *state,
    const struct core_s3_signature *signature,
    PyObject *const *args,
    Py_ssize_t count,
    PyObject *names) {
    unsigned long long user = 0;
    start->state = state;
    start->queue = NULL;
    start->self = NULL;
    start->keep = NULL;
    start->query = start->headers = (struct core_s3_pairs){0};
    start->err = (struct ath_error){0};
    if (core_s3_bind(state, signature, args, count, names, start->values) != 0 ||
        core_queue_of(state, start->values[CORE_S3_QUEUE], &start->queue) != 0 ||
        !read_user(start->values[CORE_S3_USER], &user) ||
        !pairs(start, CORE_S3_HEADERS, &start->headers))
        return false;
    start->self = core_query_alloc(state, user);
    return start->self != NULL;
}

/* Lets go of what only the call needed. `code` is 1 when it was not made for an exception. */
static PyObject *end(struct start *start, int code) {
    core_s3_pairs_clear(&start->query);
    core_s3_pairs_clear(&start->headers);
    Py_XDECREF(start->keep);
    if (code <= 0)
        return core_query_finish(start->state, start->self, code, &start->err);
    Py_XDECREF(start->self);
    return NULL;
}

static bool lend_body(struct start *start, struct ath_slice *out) {
    PyObject *value = start->values[CORE_S3_BODY];
    if (!value || value == Py_None)
        return true;
    struct core_lent *lent = core_lent_need(&start->self->lent);
    if (!lent || !memory(start, CORE_S3_BODY, false, &lent->body))
        return false;
    *out = (struct ath_slice){lent->body.buf, (size_t)lent->body.len};
    return true;
}

static bool lend_into(struct start *start, void **out, size_t *out_len) {
    PyObject *value = start->values[CORE_S3_INTO];
    if (!value || value == Py_None)
        return true;
    struct core_lent *lent = core_lent_need(&start->self->lent);
    if (!lent || !memory(start, CORE_S3_INTO, true, &lent->into))
        return false;
    *out = lent->into.buf;
    *out_len = (size_t)lent->into.len;
    return true;
}

/* -- one request
 * ----------------------------------------------------------------------------------------- */

CORE_S3_METHOD(core_s3_call) {
    static const struct core_s3_signature signature = {
        "s3_call",
        5,
        4,
        10,
        {CORE_S3_QUEUE,
         CORE_S3_OPERATION,
         CORE_S3_METHOD_NAME,
         CORE_S3_BUCKET,
         CORE_S3_KEY,
         CORE_S3_QUERY,
         CORE_S3_HEADERS,
         CORE_S3_BODY,
         CORE_S3_INTO,
         CORE_S3_USER}};
    struct ath_s3_call_options native = ATH_S3_CALL_OPTIONS_INIT;
    struct start start;
    int code = 1;
    if (begin(&start, state, &signature, args, count, names) && given(&start, CORE_S3_OPERATION) &&
        given(&start, CORE_S3_METHOD_NAME) && text(&start, CORE_S3_OPERATION, &native.operation) &&
        text(&start, CORE_S3_METHOD_NAME, &native.method) &&
        text(&start, CORE_S3_BUCKET, &native.bucket) && slice(&start, CORE_S3_KEY, &native.key) &&
        pairs(&start, CORE_S3_QUERY, &start.query) && lend_body(&start, &native.body) &&
        lend_into(&start, &native.into, &native.into_len)) {
        native.query = start.query.items;
        native.query_count = start.query.count;
        native.headers = start.headers.items;
        native.headers_count = start.headers.count;
        code = ath_s3_call_start(client, start.queue, &native, &start.self->op, &start.err);
    }
    return end(&start, code);
}

/* -- get
 * ------------------------------------------------------------------------------------------------
 */

/* What a finished call has brought already, which goes in front. */
static bool find_head(struct start *start, struct ath_slice *out) {
    PyObject *value = start->values[CORE_S3_HEAD];
    if (!value || value == Py_None)
        return true;
    if (!Py_IS_TYPE(value, start->state->query_type)) {
        PyErr_Format(
            PyExc_TypeError, "head must be Query or None, not %.100s", Py_TYPE(value)->tp_name);
        return false;
    }
    struct ath_op *op = ((struct core_query *)value)->op;
    if (!ath_op_is_done(op) || ath_op_error(op, NULL) != 0) {
        PyErr_SetString(PyExc_ValueError, "head must be a call that has succeeded");
        return false;
    }
    *out = ath_s3_body(op);
    return true;
}

/* A bytes object of the answer's size for the transfer, begun with what is there. */
static bool allocate(struct start *start, struct ath_s3_get_options *native) {
    struct ath_slice front = {NULL, 0};
    int64_t size = 0;
    if (!number(start, CORE_S3_ALLOCATE, 0, PY_SSIZE_T_MAX, &size) || !find_head(start, &front))
        return false;
    if (size == 0 && !front.ptr)
        return true;
    if (native->into || (uint64_t)size < front.len || size == 0) {
        PyErr_SetString(
            PyExc_ValueError,
            native->into ? "allocate: there is an into already"
                         : "allocate must be at least what head has brought");
        return false;
    }
    PyObject *bytes = core_fresh_bytes((Py_ssize_t)size);
    if (!bytes)
        return false;
    core_copy(PyBytes_AS_STRING(bytes), front);
    start->self->fresh = bytes;
    start->self->fresh_used = (Py_ssize_t)front.len;
    native->into = PyBytes_AS_STRING(bytes) + front.len;
    native->into_len = (size_t)size - front.len;
    if (native->length < 0)
        native->length = (int64_t)native->into_len;
    return true;
}

CORE_S3_METHOD(core_s3_get) {
    static const struct core_s3_signature signature = {
        "s3_get",
        3,
        3,
        14,
        {CORE_S3_QUEUE,
         CORE_S3_BUCKET,
         CORE_S3_KEY,
         CORE_S3_VERSION_ID,
         CORE_S3_IF_MATCH,
         CORE_S3_OFFSET,
         CORE_S3_LENGTH,
         CORE_S3_INTO,
         CORE_S3_ALLOCATE,
         CORE_S3_HEAD,
         CORE_S3_HEADERS,
         CORE_S3_PART_BYTES,
         CORE_S3_PARALLEL,
         CORE_S3_USER}};
    struct ath_s3_get_options native = ATH_S3_GET_OPTIONS_INIT;
    struct start start;
    int64_t offset = 0;
    int code = 1;
    native.length = -1;
    if (begin(&start, state, &signature, args, count, names) &&
        place(&start, &native.bucket, &native.key) &&
        text(&start, CORE_S3_VERSION_ID, &native.version_id) &&
        text(&start, CORE_S3_IF_MATCH, &native.if_match) &&
        number(&start, CORE_S3_OFFSET, 0, INT64_MAX, &offset) &&
        number(&start, CORE_S3_LENGTH, -1, INT64_MAX, &native.length) &&
        parts(&start, &native.part_bytes, &native.parallel) &&
        lend_into(&start, &native.into, &native.into_len) && allocate(&start, &native)) {
        native.offset = (uint64_t)offset;
        native.headers = start.headers.items;
        native.headers_count = start.headers.count;
        code = ath_s3_get_start(client, start.queue, &native, &start.self->op, &start.err);
    }
    return end(&start, code);
}

/* -- put and copy
 * ------------------------------------------------------------------------------------------------
 */

static bool read_path(struct start *start, const char **out) {
    PyObject *value = start->values[CORE_S3_PATH];
    if (!value || value == Py_None)
        return true;
    if (!PyUnicode_FSConverter(value, &start->keep)) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(
                PyExc_TypeError, "path must be str or a path, not %.100s", Py_TYPE(value)->tp_name);
        return false;
    }
    *out = PyBytes_AS_STRING(start->keep);
    return true;
}

static bool read_stream(struct start *start, bool *out) {
    PyObject *value = start->values[CORE_S3_STREAM];
    int yes = value ? PyObject_IsTrue(value) : 0;
    *out = yes > 0;
    return yes >= 0;
}

CORE_S3_METHOD(core_s3_put) {
    static const struct core_s3_signature signature = {
        "s3_put",
        3,
        3,
        12,
        {CORE_S3_QUEUE,
         CORE_S3_BUCKET,
         CORE_S3_KEY,
         CORE_S3_BODY,
         CORE_S3_PATH,
         CORE_S3_STREAM,
         CORE_S3_HEADERS,
         CORE_S3_IF_NONE_MATCH,
         CORE_S3_IF_MATCH,
         CORE_S3_PART_BYTES,
         CORE_S3_PARALLEL,
         CORE_S3_USER}};
    struct ath_s3_put_options native = ATH_S3_PUT_OPTIONS_INIT;
    struct start start;
    int code = 1;
    if (begin(&start, state, &signature, args, count, names) &&
        place(&start, &native.bucket, &native.key) && read_path(&start, &native.path) &&
        read_stream(&start, &native.is_stream) &&
        text(&start, CORE_S3_IF_NONE_MATCH, &native.if_none_match) &&
        text(&start, CORE_S3_IF_MATCH, &native.if_match) &&
        parts(&start, &native.part_bytes, &native.parallel) && lend_body(&start, &native.body)) {
        native.headers = start.headers.items;
        native.headers_count = start.headers.count;
        code = ath_s3_put_start(client, start.queue, &native, &start.self->op, &start.err);
    }
    return end(&start, code);
}

CORE_S3_METHOD(core_s3_copy) {
    static const struct core_s3_signature signature = {
        "s3_copy",
        5,
        5,
        11,
        {CORE_S3_QUEUE,
         CORE_S3_SOURCE_BUCKET,
         CORE_S3_SOURCE_KEY,
         CORE_S3_BUCKET,
         CORE_S3_KEY,
         CORE_S3_SOURCE_VERSION_ID,
         CORE_S3_HEADERS,
         CORE_S3_MULTIPART_FROM,
         CORE_S3_PART_BYTES,
         CORE_S3_PARALLEL,
         CORE_S3_USER}};
    struct ath_s3_copy_options native = ATH_S3_COPY_OPTIONS_INIT;
    struct start start;
    int64_t multipart_from = 0;
    int code = 1;
    if (begin(&start, state, &signature, args, count, names) &&
        place(&start, &native.bucket, &native.key) && given(&start, CORE_S3_SOURCE_BUCKET) &&
        given(&start, CORE_S3_SOURCE_KEY) &&
        text(&start, CORE_S3_SOURCE_BUCKET, &native.source_bucket) &&
        slice(&start, CORE_S3_SOURCE_KEY, &native.source_key) &&
        text(&start, CORE_S3_SOURCE_VERSION_ID, &native.source_version_id) &&
        number(&start, CORE_S3_MULTIPART_FROM, 0, INT64_MAX, &multipart_from) &&
        parts(&start, &native.part_bytes, &native.parallel)) {
        native.multipart_from = (uint64_t)multipart_from;
        native.headers = start.headers.items;
        native.headers_count = start.headers.count;
        code = ath_s3_copy_start(client, start.queue, &native, &start.self->op, &start.err);
    }
    return end(&start, code);
}

/* -- list and delete
 * ------------------------------------------------------------------------------------------------
 */

static bool read_limits(struct start *start, struct ath_s3_list_options *native) {
    int64_t kind = 0;
    int64_t page_keys = 0;
    if (!number(start, CORE_S3_KIND, INT32_MIN, INT32_MAX, &kind) ||
        !number(start, CORE_S3_PAGE_KEYS, 0, INT32_MAX, &page_keys) ||
        !number(start, CORE_S3_KEYS_MAX, 0, INT64_MAX, &native->keys_max))
        return false;
    native->kind = (int)kind;
    native->page_keys = (int32_t)page_keys;
    return true;
}

CORE_S3_METHOD(core_s3_list) {
    static const struct core_s3_signature signature = {
        "s3_list",
        3,
        2,
        12,
        {CORE_S3_QUEUE,
         CORE_S3_KIND,
         CORE_S3_BUCKET,
         CORE_S3_PREFIX,
         CORE_S3_DELIMITER,
         CORE_S3_START_AFTER,
         CORE_S3_KEY,
         CORE_S3_UPLOAD_ID,
         CORE_S3_PAGE_KEYS,
         CORE_S3_KEYS_MAX,
         CORE_S3_HEADERS,
         CORE_S3_USER}};
    struct ath_s3_list_options native = ATH_S3_LIST_OPTIONS_INIT;
    struct start start;
    int code = 1;
    if (begin(&start, state, &signature, args, count, names) && read_limits(&start, &native) &&
        text(&start, CORE_S3_BUCKET, &native.bucket) &&
        text(&start, CORE_S3_PREFIX, &native.prefix) &&
        text(&start, CORE_S3_DELIMITER, &native.delimiter) &&
        text(&start, CORE_S3_START_AFTER, &native.start_after) &&
        slice(&start, CORE_S3_KEY, &native.key) &&
        text(&start, CORE_S3_UPLOAD_ID, &native.upload_id)) {
        native.headers = start.headers.items;
        native.headers_count = start.headers.count;
        code = ath_s3_list_start(client, start.queue, &native, &start.self->op, &start.err);
    }
    return end(&start, code);
}

/* A tuple of the items of a sequence that is no str. */
static PyObject *items_of(PyObject *value, const char *name) {
    if (!PyUnicode_Check(value) && PySequence_Check(value))
        return PySequence_Tuple(value);
    return PyErr_Format(
        PyExc_TypeError, "%s must be a sequence of str, not %.100s", name, Py_TYPE(value)->tp_name);
}

static bool read_keys(PyObject *items, struct ath_slice *out) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items); i++) {
        PyObject *item = PyTuple_GET_ITEM(items, i);
        char name[40];
        PyOS_snprintf(name, sizeof(name), "keys[%zd]", i);
        out[i] = (struct ath_slice){NULL, 0};
        if (item == Py_None)
            PyErr_Format(PyExc_TypeError, "%s must be str, not NoneType", name);
        if (item == Py_None || core_s3_slice(item, name, &out[i]) != 0)
            return false;
    }
    return true;
}

static bool read_versions(PyObject *items, const char **out) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items); i++) {
        char name[40];
        PyOS_snprintf(name, sizeof(name), "version_ids[%zd]", i);
        out[i] = NULL;
        if (core_s3_text(PyTuple_GET_ITEM(items, i), name, &out[i]) != 0)
            return false;
    }
    return true;
}

/* The two lists of a deletion, as C has them. The arrays are from PyMem. */
struct doomed {
    PyObject *keys;
    PyObject *version_ids;
    struct ath_slice *slices;
    const char **texts;
};

static bool read_doomed(struct start *start, struct doomed *doomed) {
    PyObject *version_ids = start->values[CORE_S3_VERSION_IDS];
    doomed->keys = items_of(start->values[CORE_S3_KEYS], "keys");
    if (!doomed->keys)
        return false;
    size_t count = (size_t)PyTuple_GET_SIZE(doomed->keys);
    doomed->slices = PyMem_New(struct ath_slice, count + 1);
    if (!doomed->slices) {
        PyErr_NoMemory();
        return false;
    }
    if (!read_keys(doomed->keys, doomed->slices))
        return false;
    if (!version_ids || version_ids == Py_None)
        return true;
    doomed->version_ids = items_of(version_ids, "version_ids");
    if (!doomed->version_ids)
        return false;
    if ((size_t)PyTuple_GET_SIZE(doomed->version_ids) != count) {
        PyErr_SetString(PyExc_ValueError, "version_ids must be as many as keys");
        return false;
    }
    doomed->texts = PyMem_New(const char *, count + 1);
    if (!doomed->texts)
        PyErr_NoMemory();
    return doomed->texts && read_versions(doomed->version_ids, doomed->texts);
}

CORE_S3_METHOD(core_s3_delete) {
    static const struct core_s3_signature signature = {
        "s3_delete",
        3,
        3,
        6,
        {CORE_S3_QUEUE,
         CORE_S3_BUCKET,
         CORE_S3_KEYS,
         CORE_S3_VERSION_IDS,
         CORE_S3_HEADERS,
         CORE_S3_USER}};
    struct ath_s3_delete_options native = ATH_S3_DELETE_OPTIONS_INIT;
    struct doomed doomed = {0};
    struct start start;
    int code = 1;
    if (begin(&start, state, &signature, args, count, names) && given(&start, CORE_S3_BUCKET) &&
        text(&start, CORE_S3_BUCKET, &native.bucket) && read_doomed(&start, &doomed)) {
        native.keys = doomed.slices;
        native.version_ids = doomed.texts;
        native.count = (size_t)PyTuple_GET_SIZE(doomed.keys);
        native.headers = start.headers.items;
        native.headers_count = start.headers.count;
        code = ath_s3_delete_start(client, start.queue, &native, &start.self->op, &start.err);
    }
    PyMem_Free(doomed.slices);
    PyMem_Free(doomed.texts);
    Py_XDECREF(doomed.keys);
    Py_XDECREF(doomed.version_ids);
    return end(&start, code);
}

/* -- presign
 * -----------------------------------------------------------------------------------------------
 */

struct presign {
    const char *method;
    const char *bucket;
    struct ath_slice key;
    int64_t expires;
};

static PyObject *sign(struct ath_client *client, struct start *start, const struct presign *wish) {
    char few[URL_FEW];
    char *url = few;
    size_t size = sizeof(few);
    for (;;) {
        int code = ath_s3_presign(
            client,
            wish->method,
            wish->bucket,
            wish->key,
            start->query.items,
            start->query.count,
            (int32_t)wish->expires,
            url,
            size,
            &start->err);
        PyObject *result = NULL;
        if (code == 0)
            result = PyUnicode_FromString(url);
        if (url != few)
            PyMem_Free(url);
        if (code == 0)
            return result;
        if (code != ATH_ERR_TOO_LARGE || size == URL_MAX)
            return core_raise(start->state, &start->err);
        size = URL_MAX;
        url = PyMem_Malloc(size);
        if (!url)
            return PyErr_NoMemory();
    }
}

CORE_S3_METHOD(core_s3_presign) {
    static const struct core_s3_signature signature = {
        "s3_presign",
        3,
        3,
        5,
        {CORE_S3_METHOD_NAME, CORE_S3_BUCKET, CORE_S3_KEY, CORE_S3_QUERY, CORE_S3_EXPIRES}};
    struct presign wish = {.expires = 3600};
    struct start start;
    PyObject *url = NULL;
    memset(&start, 0, sizeof(start));
    start.state = state;
    if (core_s3_bind(state, &signature, args, count, names, start.values) != 0)
        return NULL;
    if (given(&start, CORE_S3_METHOD_NAME) && place(&start, &wish.bucket, &wish.key) &&
        text(&start, CORE_S3_METHOD_NAME, &wish.method) &&
        number(&start, CORE_S3_EXPIRES, INT32_MIN, INT32_MAX, &wish.expires) &&
        pairs(&start, CORE_S3_QUERY, &start.query))
        url = sign(client, &start, &wish);
    core_s3_pairs_clear(&start.query);
    return url;
}
