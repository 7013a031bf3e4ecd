#include "s3_page.h"

#include <string.h>

#define ENTRY_MEMBERS 12

/* A text that many entries share, made once for each run of equal ones. */
struct repeat {
    struct ath_slice text;
    PyObject *object;
};

struct repeats {
    struct repeat storage_class;
    struct repeat version_id; /* "null" without versioning */
    struct repeat owner_id;
    struct repeat owner_name;
};

PyObject *core_s3_decode(struct ath_slice text) {
    return PyUnicode_DecodeUTF8(text.ptr, (Py_ssize_t)text.len, "surrogateescape");
}

static PyObject *decode_or_none(struct ath_slice text) {
    return text.len == 0 ? Py_NewRef(Py_None) : core_s3_decode(text);
}

/* The common ones are one object in the whole process; those that a server makes up are not, for
 * interned texts may stay for ever. */
static PyObject *decode_storage_class(struct ath_slice text) {
    static const char *const common[] = {
        "STANDARD",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "STANDARD_IA",
        "GLACIER_IR",
        "ONEZONE_IA",
        "EXPRESS_ONEZONE",
        "REDUCED_REDUNDANCY",
        "OUTPOSTS",
    };
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        if (strlen(common[i]) == text.len && memcmp(common[i], text.ptr, text.len) == 0)
            return PyUnicode_InternFromString(common[i]);
    return core_s3_decode(text);
}

static PyObject *
share(struct repeat *repeat, struct ath_slice text, PyObject *(*make)(struct ath_slice)) {
    if (text.len == 0)
        return Py_NewRef(Py_None);
    if (!repeat->object || repeat->text.len != text.len ||
        (repeat->text.ptr != text.ptr && memcmp(repeat->text.ptr, text.ptr, text.len) != 0)) {
        PyObject *object = make(text);
        if (!object)
            return NULL;
        Py_XSETREF(repeat->object, object);
        repeat->text = text;
    }
    return Py_NewRef(repeat->object);
}

static PyObject *make_time(double seconds) {
    return seconds == 0 ? Py_NewRef(Py_None) : PyFloat_FromDouble(seconds);
}

static bool put(PyObject *tuple, Py_ssize_t at, PyObject *member) {
    if (member)
        PyTuple_SET_ITEM(tuple, at, member);
    return member != NULL;
}

static PyObject *make_entry(const struct ath_s3_entry *entry, struct repeats *repeats) {
    PyObject *tuple = PyTuple_New(ENTRY_MEMBERS);
    if (!tuple)
        return NULL;
    bool good =
        put(tuple, 0, PyLong_FromLong(entry->type)) && put(tuple, 1, core_s3_decode(entry->key)) &&
        put(tuple, 2, PyLong_FromLongLong(entry->bytes)) &&
        put(tuple, 3, decode_or_none(entry->etag)) &&
        put(tuple, 4, make_time(entry->last_modified)) &&
        put(tuple, 5, share(&repeats->storage_class, entry->storage_class, decode_storage_class)) &&
        put(tuple, 6, share(&repeats->version_id, entry->version_id, core_s3_decode)) &&
        put(tuple, 7, PyBool_FromLong(entry->is_latest)) &&
        put(tuple, 8, PyLong_FromLong(entry->part_number)) &&
        put(tuple, 9, decode_or_none(entry->upload_id)) &&
        put(tuple, 10, share(&repeats->owner_id, entry->owner_id, core_s3_decode)) &&
        put(tuple, 11, share(&repeats->owner_name, entry->owner_name, core_s3_decode));
    PyObject_GC_UnTrack(tuple); /* nothing in it refers to anything */
    if (!good)
        Py_CLEAR(tuple);
    return tuple;
}

PyObject *core_page_entries(const struct ath_s3_page *page) {
    size_t count = 0;
    struct repeats repeats = {0};
    const struct ath_s3_entry *entries = ath_s3_page_entries(page, &count);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *entry = make_entry(&entries[i], &repeats);
        if (entry)
            PyList_SET_ITEM(list, (Py_ssize_t)i, entry);
        else
            Py_CLEAR(list);
    }
    Py_XDECREF(repeats.storage_class.object);
    Py_XDECREF(repeats.version_id.object);
    Py_XDECREF(repeats.owner_id.object);
    Py_XDECREF(repeats.owner_name.object);
    return list;
}
