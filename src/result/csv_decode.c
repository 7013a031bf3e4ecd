#include "result/csv_decode.h"

#include "result/columns.h"
#include "result/csv_rows.h"
#include "result/slab.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"

#include <inttypes.h>

/* Rows are scanned and stored in portions that stay in the processor's cache. */
#define PORTION_BYTES ((size_t)64 << 10)
#define PORTION_CELLS 8192u

#define GUESS_MARGIN 1.05

#define BATCH_ROWS ((size_t)65536)
#define BATCH_BYTES ((size_t)8 << 20)
#define ROW_BYTES ((size_t)64 << 20)
#define BYTES_MAX (ATH__CSV_SOURCE_MAX / 2) /* text of a column stays below 2 GiB */

struct ath__csv_decoder {
    struct ath__columns *columns;
    bool decode_text;
    uint64_t object_bytes;
    size_t batch_rows, batch_bytes, row_bytes;
    ath__csv_scan_fn *scan;

    struct ath_slice block; /* what is not read of it */
    uint64_t at;            /* the object's byte where it begins */
    struct ath__buf carry;  /* a row's bytes from the blocks before, up to `at` */
    bool is_carry_quoted;
    bool is_finished;
    bool may_be_header; /* before the first row */
    uint64_t skip_rows; /* still to come */

    struct ath_batch *batch;
    size_t batch_source; /* bytes of the document in it */
    struct ath_batch *ready;
    uint32_t *odd_rows; /* of each column in the batch: row of its first odd value + 1, or 0 */
    uint32_t *ends;
    size_t portion_rows;

    int code; /* of the failure */
    const char *error;
    uint64_t error_at;
};

static size_t bounded(size_t value, size_t otherwise) {
    if (value == 0)
        return otherwise;
    return value < BYTES_MAX ? value : BYTES_MAX;
}

/* As many rows as a batch may have: those of wide columns take memory also without text. */
static size_t
count_batch_rows(const struct ath__columns *columns, size_t batch_rows, size_t batch_bytes) {
    size_t row_len = columns->count;
    for (size_t i = 0; i < columns->count; i++)
        row_len += ath__storage_width(ath__column_storage(&columns->info[i])) + 4;
    size_t rows = batch_bytes / row_len + 1;
    return rows < batch_rows ? rows : batch_rows;
}

int ath__csv_decoder_new(
    const struct ath__csv_options *options,
    struct ath__csv_decoder **out_decoder,
    struct ath_error *err) {
    size_t count = options->columns->count;
    ath__csv_scan_fn *scan = ath__csv_scan_pick(options->kernel);
    if (count == 0)
        return ath__err_set(err, ATH_ERR_INVALID, "a CSV result without columns");
    if (!scan)
        return ath__err_set(err, ATH_ERR_UNSUPPORTED, "this machine has no such CSV kernel");
    struct ath__csv_decoder *decoder = ath__alloc_zero(sizeof *decoder);
    if (!decoder)
        return ath__err_nomem(err);
    decoder->scan = scan;
    decoder->columns = ath__columns_retain(options->columns);
    decoder->decode_text = options->decode_text;
    decoder->may_be_header = options->header_expected;
    decoder->skip_rows = options->skip_rows;
    decoder->object_bytes = options->object_bytes;
    decoder->batch_bytes = bounded(options->batch_bytes, BATCH_BYTES);
    decoder->row_bytes = bounded(options->row_bytes, ROW_BYTES);
    decoder->batch_rows = count_batch_rows(
        decoder->columns, bounded(options->batch_rows, BATCH_ROWS), decoder->batch_bytes);
    decoder->portion_rows = count < PORTION_CELLS ? PORTION_CELLS / count : 1;
    ath__buf_init(&decoder->carry, decoder->row_bytes);
    decoder->odd_rows = ath__alloc_zero(count * sizeof *decoder->odd_rows);
    decoder->ends = ath__realloc_array(
        NULL, count * decoder->portion_rows + ATH__CSV_ENDS_SLACK, sizeof *decoder->ends);
    if (!decoder->odd_rows || !decoder->ends) {
        ath__csv_decoder_release(decoder);
        return ath__err_nomem(err);
    }
    *out_decoder = decoder;
    return 0;
}

struct ath__csv_decoder *ath__csv_decoder_release(struct ath__csv_decoder *decoder) {
    if (!decoder)
        return NULL;
    ath__columns_release(decoder->columns);
    ath_batch_release(decoder->batch);
    ath_batch_release(decoder->ready);
    ath__buf_clear(&decoder->carry);
    ath__free(decoder->odd_rows);
    ath__free(decoder->ends);
    ath__free(decoder);
    return NULL;
}

int ath__csv_decoder_feed(
    struct ath__csv_decoder *decoder, struct ath_slice block, struct ath_error *err) {
    if (decoder->is_finished || decoder->block.len > 0)
        return ath__err_set(err, ATH_ERR_STATE, "the CSV decoder takes no block now");
    decoder->block = block;
    return 0;
}

void ath__csv_decoder_finish(struct ath__csv_decoder *decoder) {
    decoder->is_finished = true;
}

struct ath_batch *ath__csv_decoder_take(struct ath__csv_decoder *decoder) {
    struct ath_batch *ready = decoder->ready;
    decoder->ready = NULL;
    return ready;
}

/* -- failures ---------------------------------------------------------------------------------- */

static int fail(struct ath__csv_decoder *decoder, int code, const char *error, uint64_t at) {
    decoder->code = code;
    decoder->error = error;
    decoder->error_at = at;
    return code;
}

static int fail_nomem(struct ath__csv_decoder *decoder) {
    return fail(decoder, ATH_ERR_NOMEM, NULL, 0);
}

static int report(const struct ath__csv_decoder *decoder, struct ath_error *err) {
    if (decoder->code == ATH_ERR_NOMEM)
        return ath__err_nomem(err);
    return ath__err_set(
        err,
        decoder->code,
        "the CSV result is malformed: %s at byte %" PRIu64,
        decoder->error,
        decoder->error_at);
}

/* -- batches ----------------------------------------------------------------------------------- */

static int begin_batch(struct ath__csv_decoder *decoder, bool is_cut) {
    struct ath_batch *batch =
        ath__batch_new(decoder->columns, decoder->decode_text, decoder->batch_bytes);
    if (!batch)
        return fail_nomem(decoder);
    batch->rows_limit = decoder->batch_rows;
    decoder->batch = batch;
    decoder->batch_source = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (!is_cut)
            decoder->odd_rows[i] = 0;
        else if (decoder->odd_rows[i])
            ath__batch_make_text(
                batch,
                i,
                decoder->odd_rows[i] == UINT32_MAX ? ATH__ROW_BEFORE : decoder->odd_rows[i] - 1);
    }
    return 0;
}

static void end_batch(struct ath__csv_decoder *decoder) {
    ath__slab_trim(decoder->batch);
    ath__batch_seal(decoder->batch);
    decoder->ready = decoder->batch;
    decoder->batch = NULL;
}

/* As many rows as the batch will have by the look of its first ones. */
static size_t guess_rows(const struct ath__csv_decoder *decoder) {
    double have = (double)decoder->batch->rows, row_len = (double)decoder->batch_source / have;
    double rows = (double)decoder->batch_bytes / row_len * GUESS_MARGIN;
    if (decoder->object_bytes > decoder->at) {
        double left = (double)(decoder->object_bytes - decoder->at);
        double rows_left = have + left / row_len * GUESS_MARGIN + 1;
        rows = rows_left < rows ? rows_left : rows;
    }
    return rows < (double)decoder->batch_rows ? (size_t)rows : decoder->batch_rows;
}

/* The first portion gets what it needs; with the second one the batch settles. */
static int make_room(struct ath__csv_decoder *decoder, size_t rows) {
    struct ath_batch *batch = decoder->batch;
    size_t cap = batch->rows + rows, guess;
    if (cap <= batch->rows_cap)
        return 0;
    int rc;
    if (batch->rows == 0) {
        rc = ath__batch_reserve(batch, cap);
    } else {
        guess = guess_rows(decoder);
        rc = ath__slab_settle(batch, guess > cap ? guess : cap);
    }
    return rc ? fail_nomem(decoder) : 0;
}

/* Ends the batch before rows with odd values, so that those begin one with columns of text. */
static int cut_batch(struct ath__csv_decoder *decoder, size_t rows) {
    if (decoder->batch->rows > 0)
        end_batch(decoder);
    else
        decoder->batch = ath_batch_release(decoder->batch);
    int rc = begin_batch(decoder, true);
    return rc ? rc : make_room(decoder, rows);
}

static int put_rows(
    struct ath__csv_decoder *decoder, struct ath_slice source, const struct ath__csv_scan *scan) {
    struct ath__csv_rows rows = {
        .source = source,
        .ends = decoder->ends,
        .rows = scan->rows,
        .has_high = scan->has_high,
        .has_escapes = scan->has_escapes,
    };
    int rc = make_room(decoder, scan->rows);
    if (!rc)
        rc = ath__csv_rows_put(decoder->batch, &rows, decoder->odd_rows);
    while (rc == 1) {
        rc = cut_batch(decoder, scan->rows);
        if (!rc)
            rc = ath__csv_rows_put(decoder->batch, &rows, decoder->odd_rows);
    }
    if (rc)
        return fail_nomem(decoder);
    decoder->batch_source += scan->used;
    for (size_t i = 0; i < decoder->batch->count; i++)
        if (decoder->odd_rows[i])
            decoder->odd_rows[i] = UINT32_MAX; /* a batch cut from this one begins behind it */
    return 0;
}

static bool is_batch_full(const struct ath__csv_decoder *decoder) {
    return decoder->batch && (decoder->batch->rows >= decoder->batch->rows_limit ||
                              decoder->batch_source >= decoder->batch_bytes);
}

/* -- rows -------------------------------------------------------------------------------------- */

static bool cell_is(struct ath_slice source, struct ath__csv_cell cell, const char *text) {
    if (cell.len < 0)
        return false;
    const char *p = source.ptr + cell.at, *end = p + cell.len;
    for (; p < end; p++, text++) {
        p += *p == '"';
        if (*p != *text || !*text)
            return false;
    }
    return !*text;
}

static bool is_header(const struct ath__csv_decoder *decoder, struct ath_slice source) {
    const struct ath__columns *columns = decoder->columns;
    bool is_equal = true;
    for (size_t i = 0; i < columns->count && is_equal; i++)
        is_equal = cell_is(source, ath__csv_cell(decoder->ends + i), columns->info[i].label);
    return is_equal;
}

/* How many rows of the next portion have the same use. */
static size_t count_wanted(const struct ath__csv_decoder *decoder) {
    size_t most = decoder->portion_rows;
    if (decoder->may_be_header)
        return 1;
    if (decoder->skip_rows > 0)
        return decoder->skip_rows < most ? (size_t)decoder->skip_rows : most;
    const struct ath_batch *batch = decoder->batch;
    size_t left = batch ? batch->rows_limit - batch->rows : decoder->batch_rows;
    return left < most ? left : most;
}

/* A batch that a cut has left ready is taken before another one can end. */
static int
use_rows(struct ath__csv_decoder *decoder, struct ath_slice source, struct ath__csv_scan *scan) {
    if (decoder->may_be_header) {
        decoder->may_be_header = false;
        if (!is_header(decoder, source))
            scan->rows = scan->used = 0; /* data: the row is read again */
        return 0;
    }
    if (decoder->skip_rows > 0) {
        decoder->skip_rows -= scan->rows;
        return 0;
    }
    int rc = decoder->batch ? 0 : begin_batch(decoder, false);
    return rc ? rc : put_rows(decoder, source, scan);
}

/* The whole rows at the beginning of `source`, the object's bytes from `at` on. */
static int read_rows(
    struct ath__csv_decoder *decoder,
    struct ath_slice source,
    uint64_t at,
    size_t soft_end,
    struct ath__csv_scan *scan) {
    *scan = (struct ath__csv_scan){
        .source = source,
        .soft_end = soft_end,
        .columns = decoder->columns->count,
        .rows_max = count_wanted(decoder),
        .ends = decoder->ends,
    };
    decoder->scan(scan);
    struct ath_slice checked = {source.ptr, scan->error ? scan->error_at : scan->used};
    size_t valid = scan->has_high ? ath__utf8_valid_len(checked.ptr, checked.len) : checked.len;
    if (valid < checked.len)
        return fail(decoder, ATH_ERR_PROTOCOL, "text that is not UTF-8", at + valid);
    if (scan->error)
        return fail(decoder, ATH_ERR_PROTOCOL, scan->error, at + scan->error_at);
    return scan->rows ? use_rows(decoder, source, scan) : 0;
}

static void take_bytes(struct ath__csv_decoder *decoder, size_t len) {
    decoder->block.ptr += len;
    decoder->block.len -= len;
    decoder->at += len;
}

/* Fails because of an unfinished row, unless something is wrong in it. */
static int
fail_carried(struct ath__csv_decoder *decoder, int code, const char *error, uint64_t at) {
    struct ath_slice row = ath__buf_slice(&decoder->carry);
    struct ath__csv_scan scan;
    int rc = read_rows(decoder, row, decoder->at - row.len, row.len, &scan);
    return rc ? rc : fail(decoder, code, error, at);
}

/* Moves bytes of the block behind those of the row from the blocks before. */
static int carry(struct ath__csv_decoder *decoder, size_t len) {
    int rc = ath__buf_add(&decoder->carry, decoder->block.ptr, len);
    if (rc == ATH_ERR_NOMEM)
        return fail_nomem(decoder);
    if (rc)
        return fail_carried(decoder, rc, "a row over the limit", decoder->at - decoder->carry.len);
    take_bytes(decoder, len);
    return 0;
}

/* The rest of a row that began in a block before, or more of it. */
static int read_carried(struct ath__csv_decoder *decoder, size_t budget) {
    size_t len = decoder->block.len < budget ? decoder->block.len : budget;
    struct ath__csv_row_end end = {.is_quoted = decoder->is_carry_quoted};
    ath__csv_find_row_end(decoder->block.ptr, len, &end);
    decoder->is_carry_quoted = end.is_quoted;
    int rc = carry(decoder, end.used);
    if (rc || !(end.is_found || end.is_malformed))
        return rc;
    struct ath_slice row = ath__buf_slice(&decoder->carry);
    struct ath__csv_scan scan;
    do
        rc = read_rows(decoder, row, decoder->at - row.len, row.len, &scan);
    while (!rc && scan.rows == 0);
    decoder->carry.len = 0;
    return rc;
}

/* Rows that lie in the block, or the beginning of one. */
static int read_block(struct ath__csv_decoder *decoder, size_t budget) {
    struct ath_slice source = decoder->block;
    struct ath__csv_scan scan;
    bool was_header = decoder->may_be_header;
    if (source.len > ATH__CSV_SOURCE_MAX)
        source.len = ATH__CSV_SOURCE_MAX;
    int rc = read_rows(
        decoder, source, decoder->at, budget < PORTION_BYTES ? budget : PORTION_BYTES, &scan);
    if (rc || scan.rows > 0 || was_header != decoder->may_be_header) {
        take_bytes(decoder, rc ? 0 : scan.used);
        return rc;
    }
    decoder->is_carry_quoted = scan.is_quoted;
    return carry(decoder, source.len);
}

/* -- steps ------------------------------------------------------------------------------------- */

/* All that was fed is read. */
static int end_block(struct ath__csv_decoder *decoder) {
    if (!decoder->is_finished)
        return ATH__CSV_FEED;
    if (decoder->carry.len > 0)
        return fail_carried(decoder, ATH_ERR_PROTOCOL, "it ends inside of a row", decoder->at);
    if (decoder->skip_rows > 0)
        return fail(
            decoder, ATH_ERR_PROTOCOL, "fewer rows than were delivered before", decoder->at);
    if (!decoder->batch)
        return ATH__CSV_END;
    end_batch(decoder);
    return ATH__CSV_BATCH;
}

static int step(struct ath__csv_decoder *decoder, size_t budget) {
    for (;;) {
        if (!decoder->ready && is_batch_full(decoder))
            end_batch(decoder);
        if (decoder->ready)
            return ATH__CSV_BATCH;
        if (decoder->block.len == 0)
            return end_block(decoder);
        if (budget == 0)
            return ATH__CSV_AGAIN;
        uint64_t from = decoder->at;
        int rc =
            decoder->carry.len > 0 ? read_carried(decoder, budget) : read_block(decoder, budget);
        if (rc)
            return rc;
        uint64_t moved = decoder->at - from;
        budget -= moved < budget ? (size_t)moved : budget;
    }
}

int ath__csv_decoder_step(
    struct ath__csv_decoder *decoder, size_t bytes_max, struct ath_error *err) {
    int rc = decoder->code;
    if (!rc)
        rc = step(decoder, bytes_max ? bytes_max : SIZE_MAX);
    return rc < 0 ? report(decoder, err) : rc;
}
