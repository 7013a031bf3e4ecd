#include "lent.h"

#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((uintptr_t)2 << 20)
#define HUGE_FROM (4 << 20)

struct core_lent *core_lent_need(struct core_lent **lent) {
    if (!*lent) {
        *lent = PyMem_Calloc(1, sizeof(**lent));
        if (!*lent)
            PyErr_NoMemory();
    }
    return *lent;
}

/* A hint: the memory is as good without. */
static void advise(char *memory, Py_ssize_t size) {
#ifdef MADV_HUGEPAGE
    uintptr_t begin = ((uintptr_t)memory + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t end = ((uintptr_t)memory + (uintptr_t)size) & ~(HUGE_PAGE - 1);
    if (size >= HUGE_FROM && begin < end)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)memory;
    (void)size;
#endif
}

void core_copy(char *to, struct ath_slice from) {
    if (from.len <= CORE_COPY_ALONE_MAX) {
        if (from.len > 0)
            memcpy(to, from.ptr, from.len);
        return;
    }
    Py_BEGIN_ALLOW_THREADS memcpy(to, from.ptr, from.len);
    Py_END_ALLOW_THREADS
}

PyObject *core_fresh_bytes(Py_ssize_t size) {
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    if (bytes)
        advise(PyBytes_AS_STRING(bytes), size);
    return bytes;
}

static bool is_traced(const Py_buffer *view) {
    return view->obj && PyObject_IS_GC(view->obj);
}

bool core_lent_is_traced(const struct core_lent *lent) {
    return lent && (is_traced(&lent->body) || is_traced(&lent->into));
}

int core_lent_traverse(const struct core_lent *lent, visitproc visit, void *arg) {
    Py_VISIT(lent->body.obj);
    Py_VISIT(lent->into.obj);
    return 0;
}

void core_lent_free(struct core_lent *lent) {
    if (!lent)
        return;
    if (lent->body.obj)
        PyBuffer_Release(&lent->body);
    if (lent->into.obj)
        PyBuffer_Release(&lent->into);
    PyMem_Free(lent);
}
