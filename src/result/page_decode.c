#include "result/page_decode.h"

#include "result/build.h"
#include "result/columns.h"
#include "result/page_columns.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json_skip.h"
#include "base/scan.h"
#include "base/utf8.h"

#define DEPTH_MAX 32
#define SCRATCH_MIN 256

enum phase {
    PHASE_TOP,    /* between the members of the document */
    PHASE_SET,    /* between the members of ResultSet */
    PHASE_ROWS,   /* between the rows */
    PHASE_REPLAY, /* between the rows, the document being checked to its end */
    PHASE_DONE,
    PHASE_FAILED,
};

/* What becomes of a row's cells. */
enum mode {
    MODE_STORE,
    MODE_SKIP,   /* checked only: the columns are not known yet, or there are none */
    MODE_HEADER, /* compared with the labels */
};

struct ath__page_decoder {
    struct ath__json_cursor c;
    struct ath__page_options options;
    enum phase phase;
    enum mode mode;
    struct ath__json_walk top, set, rows;
    bool has_set, has_rows, has_columns, has_token, has_count;
    bool is_header_equal;
    bool was_skipped; /* rows came before their columns */
    const char *rows_at;
    size_t row; /* rows begun in this reading, the header included */
    struct ath__columns *columns;
    struct ath_batch *batch;
    char *next_token;
    int64_t update_count;
    char *scratch; /* a string without its escapes */
    size_t scratch_cap;
    int code; /* of the failure */
};

/* A datum. `text` lies in the body or in the scratch. */
struct cell {
    struct ath_slice text;
    bool is_null;
    unsigned traits; /* ATH__TEXT_* */
};

int ath__page_decoder_new(
    struct ath_slice body,
    const struct ath__page_options *options,
    struct ath__page_decoder **out_decoder,
    struct ath_error *err) {
    if (body.len > INT32_MAX)
        return ath__err_set(err, ATH_ERR_TOO_LARGE, "the answer has %zu bytes", body.len);
    struct ath__page_decoder *decoder = ath__alloc_zero(sizeof *decoder);
    if (!decoder)
        return ath__err_nomem(err);
    ath__json_init(&decoder->c, body, DEPTH_MAX);
    decoder->options = *options;
    decoder->columns = ath__columns_retain(options->columns);
    decoder->update_count = -1;
    *out_decoder = decoder;
    return 0;
}

struct ath__page_decoder *ath__page_decoder_release(struct ath__page_decoder *decoder) {
    if (!decoder)
        return NULL;
    ath__columns_release(decoder->columns);
    ath_batch_release(decoder->batch);
    ath__free(decoder->next_token);
    ath__free(decoder->scratch);
    ath__free(decoder);
    return NULL;
}

/* -- cells ------------------------------------------------------------------------------------- */

static int reserve_scratch(struct ath__page_decoder *decoder, size_t len) {
    if (len <= decoder->scratch_cap)
        return 0;
    size_t cap = len * 2 + SCRATCH_MIN;
    char *grown = ath__realloc(decoder->scratch, cap);
    if (!grown)
        return ATH_ERR_NOMEM;
    decoder->scratch = grown;
    decoder->scratch_cap = cap;
    return 0;
}

static int undo_escapes(
    struct ath__page_decoder *decoder, const struct ath__json_string *string, struct cell *out) {
    if (reserve_scratch(decoder, string->text.len))
        return ATH_ERR_NOMEM;
    size_t len = ath__json_string_decode(string, decoder->scratch);
    out->text = ath__slice(decoder->scratch, len);
    out->traits = ath__utf8_is_ascii(decoder->scratch, len) ? ATH__TEXT_ASCII : 0;
    return 0;
}

/* A string whose opening quote is `c.at`. */
static int read_string(struct ath__page_decoder *decoder, struct cell *out) {
    struct ath__json_string string;
    int rc = ath__json_string_raw(&decoder->c, &string);
    if (rc)
        return rc;
    out->is_null = false;
    out->text = string.text;
    out->traits = string.is_ascii ? ATH__TEXT_ASCII : 0;
    return string.has_escapes ? undo_escapes(decoder, &string, out) : 0;
}

/* A datum in any form. */
static int read_datum(struct ath__page_decoder *decoder, struct cell *out) {
    struct ath__json_cursor *c = &decoder->c;
    struct ath__json_walk walk = {0};
    struct ath__json_string key;
    bool is_known = false;
    int rc;
    out->is_null = true;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        if (!ath__json_string_is(&key, "VarCharValue")) {
            rc = ath__json_skip_value(c);
        } else if (is_known) {
            rc = ath__json_fail(c, "VarCharValue stands there twice");
        } else {
            is_known = true;
            rc = ath__json_literal(c, "null") ? 0 : read_string(decoder, out);
        }
        if (rc)
            return rc;
    }
    return rc;
}

#define DATUM_HEAD "{\"VarCharValue\":"
#define DATUM_HEAD_LEN (sizeof DATUM_HEAD - 1)

static inline bool is_datum_head(const char *p) {
    return memcmp(p, DATUM_HEAD, DATUM_HEAD_LEN) == 0;
}

/* A string of plain bytes and escapes of one letter, read from behind its opening quote into the
 * scratch. The byte behind it, or NULL: anything else, which the general way reads or refuses. */
static const char *
read_escaped(struct ath__page_decoder *decoder, const char *p, const char *end, struct cell *out) {
    static const char letters[128] = {
        ['"'] = '"',
        ['\\'] = '\\',
        ['/'] = '/',
        ['b'] = '\b',
        ['f'] = '\f',
        ['n'] = '\n',
        ['r'] = '\r',
        ['t'] = '\t',
    };
    bool has_high = false;
    size_t used = 0;
    for (;;) {
        const char *stop = ath__scan_string(p, end, &has_high);
        size_t len = (size_t)(stop - p);
        if (end - stop < 2 || reserve_scratch(decoder, used + len + ATH__SLACK))
            return NULL;
        if (len <= ATH__SLACK && end - stop >= ATH__SLACK)
            memcpy(decoder->scratch + used, p, ATH__SLACK);
        else
            memcpy(decoder->scratch + used, p, len);
        used += len;
        if (*stop == '"') {
            p = stop + 1;
            break;
        }
        char letter = *stop == '\\' && stop[1] > 0 ? letters[(unsigned char)stop[1]] : '\0';
        if (!letter)
            return NULL;
        decoder->scratch[used++] = letter;
        p = stop + 2;
    }
    if (has_high && !ath__utf8_is_valid(decoder->scratch, used))
        return NULL;
    *out = (struct cell){
        .text = {decoder->scratch, used},
        .traits = has_high ? 0 : ATH__TEXT_ASCII,
    };
    return p;
}

/* A datum in the form AWS writes it or with a blank before the value, and without \u. The byte
 * behind it, or NULL. */
static inline const char *read_plain_datum(
    struct ath__page_decoder *decoder, const char *p, const char *end, struct cell *out) {
    if (end - p < (ptrdiff_t)DATUM_HEAD_LEN + 4 || !is_datum_head(p)) {
        out->is_null = true;
        return end - p >= 2 && p[0] == '{' && p[1] == '}' ? p + 2 : NULL;
    }
    bool has_high = false;
    p += DATUM_HEAD_LEN;
    if (__builtin_expect(*p != '"', 0) && (*p != ' ' || *++p != '"'))
        return NULL;
    p++;
    const char *stop = ath__scan_string(p, end, &has_high);
    size_t len = (size_t)(stop - p);
    if (__builtin_expect(end - stop >= 2 && *stop == '\\', 0)) {
        stop = read_escaped(decoder, p, end, out);
        return stop && stop < end && *stop == '}' ? stop + 1 : NULL;
    }
    if (end - stop < 2 || stop[0] != '"' || stop[1] != '}')
        return NULL;
    if (has_high && !ath__utf8_is_valid(p, len))
        return NULL;
    out->is_null = false;
    out->text = ath__slice(p, len);
    out->traits = has_high ? 0 : ATH__TEXT_ASCII;
    if (end - stop >= ATH__SLACK)
        out->traits |= ATH__TEXT_SLACK;
    return stop + 2;
}

static int
compare_label(struct ath__page_decoder *decoder, size_t column, const struct cell *cell) {
    decoder->is_header_equal = decoder->is_header_equal && column < decoder->columns->count &&
                               !cell->is_null &&
                               ath__slice_is(cell->text, decoder->columns->info[column].label);
    return 0;
}

static inline int
take_cell(struct ath__page_decoder *decoder, size_t column, const struct cell *cell) {
    if (decoder->mode != MODE_STORE)
        return decoder->mode == MODE_HEADER ? compare_label(decoder, column, cell) : 0;
    if (column >= decoder->batch->count)
        return ath__json_fail(&decoder->c, "row with more cells than columns");
    if (cell->is_null)
        return ath__batch_put_null(decoder->batch, column);
    return ath__batch_put(decoder->batch, column, cell->text, cell->traits);
}

/* The elements of a row's Data, its '[' taken. */
static int read_cells(struct ath__page_decoder *decoder, size_t *out_count) {
    struct ath__json_cursor *c = &decoder->c;
    const char *end = c->end;
    size_t count = 0;
    bool is_end = ath__json_peek(c) == ']';
    while (!is_end) {
        struct cell cell;
        const char *next = read_plain_datum(decoder, c->at, end, &cell);
        int rc = next ? 0 : read_datum(decoder, &cell);
        c->at = next ? next : c->at;
        if (!rc)
            rc = take_cell(decoder, count, &cell);
        if (rc)
            return rc;
        count++;
        if (next && next < end && *next == ',') {
            c->at = next + 1;
            if (__builtin_expect(c->at < end && *c->at == ' ', 0))
                c->at++;
            continue;
        }
        is_end = ath__json_peek(c) == ']';
        if (!is_end && ath__json_expect(c, ','))
            return ATH_ERR_PROTOCOL;
    }
    c->at++;
    *out_count = count;
    return 0;
}

/* -- rows -------------------------------------------------------------------------------------- */

/* The members of a row; with a begun walk those behind Data. */
static int
read_row_members(struct ath__page_decoder *decoder, struct ath__json_walk walk, size_t *out_count) {
    struct ath__json_cursor *c = &decoder->c;
    struct ath__json_string key;
    bool is_known = walk.begun;
    int rc;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        if (!ath__json_string_is(&key, "Data")) {
            rc = ath__json_skip_value(c);
        } else if (is_known) {
            rc = ath__json_fail(c, "Data stands there twice");
        } else {
            is_known = true;
            rc = 0;
            if (!ath__json_literal(c, "null")) {
                rc = ath__json_expect(c, '[');
                if (!rc)
                    rc = read_cells(decoder, out_count);
            }
        }
        if (rc)
            return rc;
    }
    return rc;
}

#define ROW_HEAD "{\"Data\":["
#define ROW_HEAD_LEN (sizeof ROW_HEAD - 1)

static int read_row_cells(struct ath__page_decoder *decoder, size_t *out_count) {
    struct ath__json_cursor *c = &decoder->c;
    *out_count = 0;
    if ((size_t)(c->end - c->at) <= ROW_HEAD_LEN || memcmp(c->at, ROW_HEAD, ROW_HEAD_LEN) != 0)
        return read_row_members(decoder, (struct ath__json_walk){0}, out_count);
    c->at += ROW_HEAD_LEN;
    int rc = read_cells(decoder, out_count);
    if (rc)
        return rc;
    if (c->at < c->end && *c->at == '}') {
        c->at++;
        return 0;
    }
    c->depth++;
    return read_row_members(decoder, (struct ath__json_walk){.begun = true}, out_count);
}

/* The first row of the first page; goes back when it is data. */
static int read_header(struct ath__page_decoder *decoder, bool *out_is_header) {
    struct ath__json_cursor before = decoder->c;
    size_t count;
    decoder->mode = MODE_HEADER;
    decoder->is_header_equal = true;
    int rc = read_row_cells(decoder, &count);
    decoder->mode = MODE_STORE;
    if (rc)
        return rc;
    *out_is_header = decoder->is_header_equal && count == decoder->columns->count;
    if (!*out_is_header)
        decoder->c = before;
    return 0;
}

static bool may_be_header(const struct ath__page_decoder *decoder) {
    return decoder->row == 1 && decoder->mode == MODE_STORE && decoder->options.is_first &&
           decoder->options.header_expected;
}

static int read_row(struct ath__page_decoder *decoder) {
    size_t count;
    decoder->row++;
    if (decoder->options.rows_max && decoder->row > decoder->options.rows_max)
        return ath__json_fail(&decoder->c, "more rows than asked for");
    if (may_be_header(decoder)) {
        bool is_header;
        int rc = read_header(decoder, &is_header);
        if (rc || is_header)
            return rc;
    }
    int rc = 0;
    if (decoder->mode == MODE_STORE)
        rc = ath__batch_reserve_row(decoder->batch);
    if (!rc)
        rc = read_row_cells(decoder, &count);
    if (!rc && decoder->mode == MODE_STORE)
        rc = ath__batch_end_row(decoder->batch, count);
    return rc;
}

/* Rows up to about `limit`. 1: the array has ended. */
static int read_rows(struct ath__page_decoder *decoder, const char *limit) {
    struct ath__json_cursor *c = &decoder->c;
    do {
        int rc = ath__json_array_next(c, &decoder->rows);
        if (rc <= 0)
            return rc ? rc : 1;
        ath__json_skip_blank(c);
        rc = read_row(decoder);
        if (rc)
            return rc;
    } while (c->at < limit);
    return 0;
}

/* -- the document ------------------------------------------------------------------------------ */

/* Before a reading of the rows that stores them. */
static int begin_store(struct ath__page_decoder *decoder) {
    decoder->mode = MODE_STORE;
    decoder->batch = ath__batch_new(
        decoder->columns,
        decoder->options.decode_text,
        (size_t)(decoder->c.end - decoder->c.start));
    return decoder->batch ? 0 : ATH_ERR_NOMEM;
}

static int begin_rows(struct ath__page_decoder *decoder) {
    if (decoder->has_rows)
        return ath__json_fail(&decoder->c, "Rows stands there twice");
    decoder->has_rows = true;
    if (ath__json_literal(&decoder->c, "null"))
        return 0;
    decoder->rows_at = decoder->c.at;
    decoder->phase = PHASE_ROWS;
    if (decoder->columns && decoder->columns->count > 0)
        return begin_store(decoder);
    decoder->mode = MODE_SKIP;
    decoder->was_skipped = true;
    return 0;
}

static int read_columns(struct ath__page_decoder *decoder) {
    struct ath__columns *columns = NULL;
    if (decoder->has_columns)
        return ath__json_fail(&decoder->c, "ResultSetMetadata stands there twice");
    decoder->has_columns = true;
    if (ath__json_literal(&decoder->c, "null"))
        return 0;
    struct ath__json_cursor before = decoder->c;
    int rc = ath__page_columns_parse(&decoder->c, &columns);
    if (!rc && !decoder->columns) {
        decoder->columns = columns;
        return 0;
    }
    if (!rc && columns && !ath__columns_is_same(columns, decoder->columns)) {
        decoder->c.at = before.at;
        rc = ath__json_fail(&decoder->c, "the columns differ from those of the first page");
    }
    ath__columns_release(columns);
    return rc;
}

static int read_token(struct ath__page_decoder *decoder) {
    struct cell cell;
    if (decoder->has_token)
        return ath__json_fail(&decoder->c, "NextToken stands there twice");
    decoder->has_token = true;
    if (ath__json_literal(&decoder->c, "null"))
        return 0;
    int rc = read_string(decoder, &cell);
    if (rc || cell.text.len == 0) /* services write "" for none */
        return rc;
    if (memchr(cell.text.ptr, '\0', cell.text.len))
        return ath__json_fail(&decoder->c, "NextToken with U+0000");
    decoder->next_token = ath__strndup(cell.text.ptr, cell.text.len);
    return decoder->next_token ? 0 : ATH_ERR_NOMEM;
}

static int read_count(struct ath__page_decoder *decoder) {
    if (decoder->has_count)
        return ath__json_fail(&decoder->c, "UpdateCount stands there twice");
    decoder->has_count = true;
    if (ath__json_literal(&decoder->c, "null"))
        return 0;
    return ath__page_int_parse(&decoder->c, -1, INT64_MAX, &decoder->update_count);
}

static int begin_set(struct ath__page_decoder *decoder) {
    if (decoder->has_set)
        return ath__json_fail(&decoder->c, "ResultSet stands there twice");
    decoder->has_set = true;
    if (!ath__json_literal(&decoder->c, "null"))
        decoder->phase = PHASE_SET;
    return 0;
}

/* The rows again from their beginning. */
static void rewind_rows(struct ath__page_decoder *decoder) {
    decoder->phase = PHASE_REPLAY;
    decoder->c.at = decoder->rows_at;
    decoder->rows = (struct ath__json_walk){0};
    decoder->row = 0;
}

/* After a reading of the rows, the document being checked. */
static int end_reading(struct ath__page_decoder *decoder) {
    if (!decoder->batch) {
        decoder->phase = PHASE_DONE;
        return 0;
    }
    int rc = ath__batch_reread(decoder->batch);
    if (rc == 1) {
        rewind_rows(decoder);
        return 0;
    }
    if (rc)
        return rc;
    decoder->phase = PHASE_DONE;
    if (decoder->batch->rows == 0)
        decoder->batch = ath_batch_release(decoder->batch);
    else
        ath__batch_seal(decoder->batch);
    return 0;
}

static int end_document(struct ath__page_decoder *decoder) {
    int rc = ath__json_end(&decoder->c);
    if (rc)
        return rc;
    if (!decoder->columns) {
        decoder->columns = ath__columns_new();
        if (!decoder->columns)
            return ATH_ERR_NOMEM;
    }
    if (!decoder->was_skipped || decoder->columns->count == 0)
        return end_reading(decoder);
    rewind_rows(decoder);
    return begin_store(decoder);
}

static int read_top(struct ath__page_decoder *decoder) {
    struct ath__json_string key;
    int rc = ath__json_object_next(&decoder->c, &decoder->top, &key);
    if (rc <= 0)
        return rc ? rc : end_document(decoder);
    if (ath__json_string_is(&key, "ResultSet"))
        return begin_set(decoder);
    if (ath__json_string_is(&key, "NextToken"))
        return read_token(decoder);
    if (ath__json_string_is(&key, "UpdateCount"))
        return read_count(decoder);
    return ath__json_skip_value(&decoder->c);
}

static int read_set(struct ath__page_decoder *decoder) {
    struct ath__json_string key;
    int rc = ath__json_object_next(&decoder->c, &decoder->set, &key);
    if (rc == 0)
        decoder->phase = PHASE_TOP;
    if (rc <= 0)
        return rc;
    if (ath__json_string_is(&key, "Rows"))
        return begin_rows(decoder);
    if (ath__json_string_is(&key, "ResultSetMetadata"))
        return read_columns(decoder);
    return ath__json_skip_value(&decoder->c);
}

static int read_on(struct ath__page_decoder *decoder, const char *limit) {
    int rc;
    switch (decoder->phase) {
    case PHASE_TOP:
        return read_top(decoder);
    case PHASE_SET:
        return read_set(decoder);
    case PHASE_ROWS:
        rc = read_rows(decoder, limit);
        if (rc == 1)
            decoder->phase = PHASE_SET;
        return rc < 0 ? rc : 0;
    default:
        rc = read_rows(decoder, limit);
        return rc == 1 ? end_reading(decoder) : rc;
    }
}

static int fail(struct ath__page_decoder *decoder, int code, struct ath_error *err) {
    decoder->phase = PHASE_FAILED;
    decoder->code = code;
    if (code == ATH_ERR_NOMEM)
        return ath__err_nomem(err);
    return ath__err_set(
        err,
        code,
        "the GetQueryResults answer is malformed: %s at byte %zu",
        decoder->c.error ? decoder->c.error : "more rows than its length allows",
        ath__json_offset(&decoder->c));
}

int ath__page_decoder_step(
    struct ath__page_decoder *decoder, size_t bytes_max, struct ath_error *err) {
    if (decoder->phase == PHASE_FAILED)
        return fail(decoder, decoder->code, err);
    size_t budget = bytes_max ? bytes_max : SIZE_MAX;
    while (decoder->phase != PHASE_DONE) {
        const char *from = decoder->c.at;
        size_t left = (size_t)(decoder->c.end - from);
        int rc = read_on(decoder, from + (left < budget ? left : budget));
        if (rc)
            return fail(decoder, rc, err);
        size_t moved = decoder->c.at > from ? (size_t)(decoder->c.at - from) : 1;
        if (moved >= budget)
            return decoder->phase == PHASE_DONE;
        budget -= moved;
    }
    return 1;
}

void ath__page_decoder_take(struct ath__page_decoder *decoder, struct ath__page *out_page) {
    *out_page = (struct ath__page){
        .columns = decoder->columns,
        .batch = decoder->batch,
        .next_token = decoder->next_token,
        .update_count = decoder->update_count,
    };
    decoder->columns = NULL;
    decoder->batch = NULL;
    decoder->next_token = NULL;
}
