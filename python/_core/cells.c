#include "cells.h"

#include "cell_cache.h"
#include "decimal_text.h"

#include <datetime.h>
#include <string.h>

struct run {
    struct core_cells *cells;
    struct core_cell_column *kept;
    const struct ath_column *column;
    size_t start;
    size_t count;
    PyObject **out;
};

static inline bool is_null(const struct ath_column *column, size_t row) {
    return column->validity && !(column->validity[row >> 3] >> (row & 7) & 1);
}

/* Drops the first `made` cells. */
static int undo(const struct run *run, size_t made) {
    while (made > 0)
        Py_DECREF(run->out[--made]);
    return -1;
}

/* Fills run->out with `expression`, an owned reference made from `row`; None for NULLs. */
#define FILL(run, expression)                                                                      \
    do {                                                                                           \
        for (size_t i = 0; i < (run)->count; i++) {                                                \
            size_t row = (run)->start + i;                                                         \
            PyObject *cell = is_null((run)->column, row) ? Py_NewRef(Py_None) : (expression);      \
            if (!cell)                                                                             \
                return undo((run), i);                                                             \
            (run)->out[i] = cell;                                                                  \
        }                                                                                          \
        return 0;                                                                                  \
    } while (0)

static int fill_bool(const struct run *run) {
    const uint8_t *bits = run->column->values;
    FILL(run, PyBool_FromLong(bits[row >> 3] >> (row & 7) & 1));
}

static int fill_int8(const struct run *run) {
    const int8_t *values = run->column->values;
    FILL(run, PyLong_FromLong(values[row]));
}

static int fill_int16(const struct run *run) {
    const int16_t *values = run->column->values;
    FILL(run, PyLong_FromLong(values[row]));
}

static int fill_int32(const struct run *run) {
    const int32_t *values = run->column->values;
    FILL(run, PyLong_FromLong(values[row]));
}

static int fill_int64(const struct run *run) {
    const int64_t *values = run->column->values;
    FILL(run, PyLong_FromLongLong(values[row]));
}

static int fill_double(const struct run *run) {
    const double *values = run->column->values;
    FILL(run, PyFloat_FromDouble(values[row]));
}

static int fill_binary(const struct run *run) {
    const char *bytes = run->column->values;
    const int32_t *offsets = run->column->offsets;
    FILL(run, PyBytes_FromStringAndSize(bytes + offsets[row], offsets[row + 1] - offsets[row]));
}

/* -- text
 * ------------------------------------------------------------------------------------------ */

static inline PyObject *text_object(const char *bytes, size_t len, bool is_ascii) {
    if (!is_ascii)
        return PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)len, "strict");
    PyObject *text = PyUnicode_New((Py_ssize_t)len, 127);
    if (text && len > 0)
        memcpy(PyUnicode_1BYTE_DATA(text), bytes, len);
    return text;
}

static inline PyObject *cached_text(const struct run *run, size_t row) {
    const int32_t *offsets = run->column->offsets;
    const char *bytes = (const char *)run->column->values + offsets[row];
    size_t len = (size_t)(offsets[row + 1] - offsets[row]);
    struct core_text_cache *cache = run->kept->texts;
    struct core_text_entry *entry = NULL;
    if (len <= CORE_TEXT_KEY_MAX && core_cache_use(&cache->use)) {
        entry = core_text_cache_at(cache, bytes, len);
        if (entry->object && entry->len == len && memcmp(entry->key, bytes, len) == 0) {
            cache->use.hits++;
            return Py_NewRef(entry->object);
        }
    }
    PyObject *text = text_object(bytes, len, run->column->is_ascii);
    if (text && entry) {
        Py_XSETREF(entry->object, Py_NewRef(text));
        entry->len = (uint32_t)len;
        memcpy(entry->key, bytes, len);
    }
    return text;
}

static PyObject *plain_text(const struct run *run, size_t row) {
    const int32_t *offsets = run->column->offsets;
    return text_object(
        (const char *)run->column->values + offsets[row],
        (size_t)(offsets[row + 1] - offsets[row]),
        run->column->is_ascii);
}

static int fill_text(const struct run *run) {
    if (!run->kept->texts && run->count < CORE_CACHE_ROWS_MIN)
        FILL(run, plain_text(run, row));
    if (!run->kept->texts) {
        run->kept->texts = PyMem_Calloc(1, sizeof(*run->kept->texts));
        if (!run->kept->texts) {
            PyErr_NoMemory();
            return -1;
        }
    }
    FILL(run, cached_text(run, row));
}

static PyObject *converted(const struct run *run, size_t row, bool *atoms) {
    const int32_t *offsets = run->column->offsets;
    PyObject *text = text_object(
        (const char *)run->column->values + offsets[row],
        (size_t)(offsets[row + 1] - offsets[row]),
        run->column->is_ascii);
    if (!text)
        return NULL;
    PyObject *cell = PyObject_CallOneArg(run->kept->converter, text);
    Py_DECREF(text);
    if (cell && PyObject_IS_GC(cell))
        *atoms = false;
    return cell;
}

static int fill_converted(const struct run *run, bool *atoms) {
    FILL(run, converted(run, row, atoms));
}

/* -- dates and times
 * ----------------------------------------------------------------------------------- */

struct civil {
    int year;
    int month;
    int day;
};

/* The Gregorian date of a day number, 0 = 1970-01-01. Eras of 400 years begin on 1 March. */
static struct civil civil_from_days(int64_t days) {
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct civil date;
    date.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    date.month = (int)(month < 10 ? month + 3 : month - 9);
    date.year = (int)(year_of_era + era * 400 + (date.month <= 2));
    return date;
}

static PyObject *plain_date(const struct run *run, int32_t days) {
    PyDateTime_CAPI *api = run->cells->state->datetime;
    struct civil date = civil_from_days(days);
    return api->Date_FromDate(date.year, date.month, date.day, api->DateType);
}

static PyObject *cached_date(const struct run *run, int32_t days) {
    struct core_day_entry *entry = core_day_cache_at(run->kept->days, days);
    if (entry->object && entry->days == days)
        return Py_NewRef(entry->object);
    PyObject *object = plain_date(run, days);
    if (object) {
        Py_XSETREF(entry->object, Py_NewRef(object));
        entry->days = days;
    }
    return object;
}

static int fill_date(const struct run *run) {
    const int32_t *values = run->column->values;
    if (!run->kept->days && run->count < CORE_CACHE_ROWS_MIN)
        FILL(run, plain_date(run, values[row]));
    if (!run->kept->days) {
        run->kept->days = PyMem_Calloc(1, sizeof(*run->kept->days));
        if (!run->kept->days) {
            PyErr_NoMemory();
            return -1;
        }
    }
    FILL(run, cached_date(run, values[row]));
}

struct clock {
    int hour;
    int minute;
    int second;
    int micros;
};

static struct clock clock_from_micros(int64_t micros) {
    struct clock clock;
    int seconds = (int)(micros / 1000000);
    clock.micros = (int)(micros % 1000000);
    clock.second = seconds % 60;
    clock.minute = seconds / 60 % 60;
    clock.hour = seconds / 3600;
    return clock;
}

static PyObject *time_object(const struct run *run, int64_t micros) {
    PyDateTime_CAPI *api = run->cells->state->datetime;
    if (micros < 0 || micros >= 86400000000) {
        PyErr_Format(PyExc_ValueError, "%lld us is not a time of day", (long long)micros);
        return NULL;
    }
    struct clock clock = clock_from_micros(micros);
    return api->Time_FromTime(
        clock.hour, clock.minute, clock.second, clock.micros, Py_None, api->TimeType);
}

static int fill_time(const struct run *run) {
    const int64_t *values = run->column->values;
    FILL(run, time_object(run, values[row]));
}

static PyObject *timestamp_object(const struct run *run, int64_t micros) {
    PyDateTime_CAPI *api = run->cells->state->datetime;
    int64_t days = micros / 86400000000;
    int64_t rest = micros % 86400000000;
    if (rest < 0) {
        rest += 86400000000;
        days--;
    }
    struct civil date = civil_from_days(days);
    struct clock clock = clock_from_micros(rest);
    return api->DateTime_FromDateAndTime(
        date.year,
        date.month,
        date.day,
        clock.hour,
        clock.minute,
        clock.second,
        clock.micros,
        Py_None,
        api->DateTimeType);
}

static int fill_timestamp(const struct run *run) {
    const int64_t *values = run->column->values;
    FILL(run, timestamp_object(run, values[row]));
}

/* -- decimals
 * ------------------------------------------------------------------------------------------ */

int core_cells_import_decimal(struct core_state *state) {
    if (state->context_class)
        return 0;
    PyObject *module = PyImport_ImportModule("decimal");
    if (!module)
        return -1;
    state->decimal_class = PyObject_GetAttrString(module, "Decimal");
    if (state->decimal_class)
        state->context_class = PyObject_GetAttrString(module, "Context");
    Py_DECREF(module);
    if (state->context_class)
        return 0;
    Py_CLEAR(state->decimal_class);
    return -1;
}

/*
 * A context of our own: the user's may round or trap. Wide enough for every 128-bit number, so the
 * result is exact.
 */
static int make_decimal_context(struct core_cells *cells) {
    if (core_cells_import_decimal(cells->state) != 0)
        return -1;
    PyObject *context = PyObject_CallFunction(cells->state->context_class, "i", 60);
    if (!context)
        return -1;
    cells->create_decimal = PyObject_GetAttrString(context, "create_decimal");
    Py_DECREF(context);
    return cells->create_decimal ? 0 : -1;
}

static PyObject *decimal_object(const struct run *run, const unsigned char *bytes) {
    char digits[CORE_DECIMAL_TEXT_MAX];
    size_t len = core_decimal_text(bytes, run->column->scale, digits);
    PyObject *text = text_object(digits, len, true);
    if (!text)
        return NULL;
    PyObject *number = PyObject_CallOneArg(run->cells->create_decimal, text);
    Py_DECREF(text);
    /* On 3.13 decimals are tracked by the collector although they refer to nothing. */
    if (number && PyObject_IS_GC(number) && PyObject_GC_IsTracked(number) &&
        Py_IS_TYPE(number, (PyTypeObject *)run->cells->state->decimal_class))
        PyObject_GC_UnTrack(number);
    return number;
}

static PyObject *cached_decimal(const struct run *run, size_t row) {
    const unsigned char *bytes = (const unsigned char *)run->column->values + row * 16;
    struct core_decimal_cache *cache = run->kept->decimals;
    struct core_decimal_entry *entry = NULL;
    if (core_cache_use(&cache->use)) {
        entry = core_decimal_cache_at(cache, bytes);
        if (entry->object && memcmp(entry->key, bytes, 16) == 0) {
            cache->use.hits++;
            return Py_NewRef(entry->object);
        }
    }
    PyObject *number = decimal_object(run, bytes);
    if (number && entry) {
        Py_XSETREF(entry->object, Py_NewRef(number));
        memcpy(entry->key, bytes, 16);
    }
    return number;
}

static int fill_decimal(const struct run *run) {
    if (!run->cells->create_decimal && make_decimal_context(run->cells) != 0)
        return -1;
    if (run->column->scale < 0 || run->column->scale > CORE_DECIMAL_SCALE_MAX) {
        PyErr_Format(PyExc_ValueError, "a decimal scale of %d", (int)run->column->scale);
        return -1;
    }
    struct core_decimal_cache *cache = run->kept->decimals;
    const unsigned char *values = run->column->values;
    if (!cache && run->count < CORE_CACHE_ROWS_MIN)
        FILL(run, decimal_object(run, values + row * 16));
    if (!cache) {
        cache = run->kept->decimals = PyMem_Calloc(1, sizeof(*cache));
        if (!cache) {
            PyErr_NoMemory();
            return -1;
        }
        cache->scale = run->column->scale;
    }
    if (cache->scale != run->column->scale) {
        core_decimal_cache_clear(cache);
        cache->scale = run->column->scale;
    }
    FILL(run, cached_decimal(run, row));
}

/* -- all
 * -----------------------------------------------------------------------------------------------
 */

int core_cells_fill(
    struct core_cells *cells,
    struct core_cell_column *kept,
    const struct ath_column *column,
    size_t start,
    size_t count,
    PyObject **out,
    bool *out_atoms) {
    struct run run = {cells, kept, column, start, count, out};
    *out_atoms = true;
    switch (column->storage) {
    case ATH_STORAGE_TEXT:
        return kept->converter ? fill_converted(&run, out_atoms) : fill_text(&run);
    case ATH_STORAGE_BINARY:
        return fill_binary(&run);
    case ATH_STORAGE_BOOL:
        return fill_bool(&run);
    case ATH_STORAGE_INT8:
        return fill_int8(&run);
    case ATH_STORAGE_INT16:
        return fill_int16(&run);
    case ATH_STORAGE_INT32:
        return fill_int32(&run);
    case ATH_STORAGE_INT64:
        return fill_int64(&run);
    case ATH_STORAGE_DOUBLE:
        return fill_double(&run);
    case ATH_STORAGE_DECIMAL128:
        return fill_decimal(&run);
    case ATH_STORAGE_DATE32:
        return fill_date(&run);
    case ATH_STORAGE_TIME_US:
        return fill_time(&run);
    case ATH_STORAGE_TIMESTAMP_US:
        return fill_timestamp(&run);
    default:
        PyErr_Format(PyExc_SystemError, "unknown storage %d of a column", column->storage);
        return -1;
    }
}

void core_cell_column_clear(struct core_cell_column *kept) {
    Py_CLEAR(kept->converter);
    if (kept->texts)
        core_text_cache_clear(kept->texts);
    if (kept->days)
        core_day_cache_clear(kept->days);
    if (kept->decimals)
        core_decimal_cache_clear(kept->decimals);
    PyMem_Free(kept->texts);
    PyMem_Free(kept->days);
    PyMem_Free(kept->decimals);
    kept->texts = NULL;
    kept->days = NULL;
    kept->decimals = NULL;
}
