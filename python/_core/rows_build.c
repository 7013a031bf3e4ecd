#include "rows_build.h"

#include <string.h>

/* A block should take about this long, so that a budget is overrun by little. */
#define BLOCK_NS 60000.0

/* The rows of a block under construction. Tuples are hidden from the collector meanwhile. */
struct block {
    PyObject *rows[CORE_BLOCK_ROWS];
    size_t count;
    uint64_t cyclic; /* bit i: row i holds something that may be part of a cycle */
};

static void block_drop(struct block *block) {
    for (size_t i = 0; i < block->count; i++)
        Py_DECREF(block->rows[i]);
    block->count = 0;
}

static int block_containers(struct core_rows *self, struct block *block, size_t count) {
    block->count = 0;
    block->cyclic = 0;
    while (block->count < count) {
        PyObject *row;
        if (self->kind == CORE_ROWS_DICT) {
            row = PyDict_Copy(self->template_row);
        } else {
            row = PyTuple_New(self->columns_count);
            if (row && self->columns_count > 0)
                PyObject_GC_UnTrack(row);
        }
        if (!row) {
            block_drop(block);
            return -1;
        }
        block->rows[block->count++] = row;
    }
    return 0;
}

static int place_cells(
    struct core_rows *self, struct block *block, Py_ssize_t column, PyObject **cells, bool atoms) {
    int code = 0;
    if (self->kind != CORE_ROWS_DICT) {
        for (size_t i = 0; i < block->count; i++) {
            PyTuple_SET_ITEM(block->rows[i], column, cells[i]);
            if (!atoms && PyObject_IS_GC(cells[i]))
                block->cyclic |= (uint64_t)1 << i;
        }
        return 0;
    }
    PyObject *name = PyTuple_GET_ITEM(self->names, column);
    for (size_t i = 0; i < block->count; i++) {
        if (!atoms && PyObject_IS_GC(cells[i]))
            block->cyclic |= (uint64_t)1 << i;
        if (code == 0)
            code = PyDict_SetItem(block->rows[i], name, cells[i]);
        Py_DECREF(cells[i]);
    }
    return code;
}

/* Turns the exception set by the conversion of a column into the one the fetch raises. */
static void conversion_failed(struct core_rows *self, Py_ssize_t column) {
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError))
        return;
    self->failed = true;
    if (!self->value_error)
        return;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    PyObject *error = PyObject_CallFunction(self->value_error, "nO", column, value);
    if (error && PyExceptionInstance_Check(error))
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    else if (error)
        PyErr_SetString(PyExc_TypeError, "value_error must return an exception");
    Py_XDECREF(error);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

static int fill_columns(struct core_rows *self, struct ath_batch *batch, struct block *block) {
    PyObject *cells[CORE_BLOCK_ROWS];
    for (Py_ssize_t i = 0; i < self->columns_count; i++) {
        bool atoms;
        int code = core_cells_fill(
            &self->cells,
            &self->columns[i],
            ath_batch_column(batch, (size_t)i),
            self->batch_row,
            block->count,
            cells,
            &atoms);
        if (code != 0) {
            conversion_failed(self, i);
            return -1;
        }
        if (place_cells(self, block, i, cells, atoms) != 0)
            return -1;
    }
    return 0;
}

/* Shows rows to the collector that it must know, and hands FACTORY rows through the factory. */
static int finish_rows(struct core_rows *self, struct block *block) {
    if (self->kind == CORE_ROWS_DICT)
        return 0;
    for (size_t i = 0; block->cyclic != 0 && i < block->count; i++)
        if (block->cyclic >> i & 1)
            PyObject_GC_Track(block->rows[i]);
    if (self->kind == CORE_ROWS_TUPLE)
        return 0;
    for (size_t i = 0; i < block->count; i++) {
        PyObject *pairs = PyObject_CallFunctionObjArgs(
            (PyObject *)&PyZip_Type, self->names, block->rows[i], NULL);
        PyObject *row = pairs ? PyObject_CallOneArg(self->factory, pairs) : NULL;
        Py_XDECREF(pairs);
        if (!row)
            return -1;
        Py_SETREF(block->rows[i], row);
    }
    return 0;
}

static int make_block(struct core_rows *self, struct ath_batch *batch, size_t count) {
    struct block block;
    if (block_containers(self, &block, count) != 0)
        return -1;
    if (fill_columns(self, batch, &block) != 0 || finish_rows(self, &block) != 0) {
        block_drop(&block);
        return -1;
    }
    if (self->closed) { /* by a converter */
        block_drop(&block);
        core_rows_raise_failed(self);
        return -1;
    }
    self->makes_tracked |= block.cyclic != 0 || self->kind == CORE_ROWS_FACTORY;
    memcpy(self->block, block.rows, block.count * sizeof(block.rows[0]));
    self->block_at = 0;
    self->block_count = (int)block.count;
    self->batch_row += block.count;
    return 0;
}

static size_t block_rows(const struct core_rows *self, size_t left) {
    size_t count = CORE_BLOCK_ROWS / 8;
    if (self->row_ns > 0) {
        double wanted = BLOCK_NS / self->row_ns;
        count = wanted >= CORE_BLOCK_ROWS ? CORE_BLOCK_ROWS : wanted < 1 ? 1 : (size_t)wanted;
    }
    return count < left ? count : left;
}

int core_rows_build(struct core_rows *rows) {
    if (rows->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the rows are being read by another fetch");
        return -1;
    }
    struct ath_batch *batch = ath_batch_retain(rows->batch);
    size_t count = block_rows(rows, ath_batch_rows(batch) - rows->batch_row);
    int64_t begin = core_now_ns();
    rows->busy = true;
    int code = make_block(rows, batch, count);
    rows->busy = false;
    double row_ns = (double)(core_now_ns() - begin) / (double)count;
    rows->row_ns = rows->row_ns > 0 ? rows->row_ns + (row_ns - rows->row_ns) / 2 : row_ns;
    ath_batch_release(batch);
    return code;
}
