/*
 * Athena's CSV object into batches of columns, block by block as it arrives. Strict: a corrupted
 * document is an error that tells the byte offset, never a wrong row. Values, types and texts are
 * those of the result pages. Works in bounded steps so that its thread stays free for others; keeps
 * of the document only a row that goes on in the next block. Pure.
 *
 *     feed the first block
 *     for (;;) switch (step) {
 *     AGAIN: let others work; FEED: feed the next block, or finish; BATCH: take; END: leave }
 */
#ifndef ATH_RESULT_CSV_DECODE_H
#define ATH_RESULT_CSV_DECODE_H

#include "result/batch.h"
#include "result/csv_scan.h"

struct ath__csv_decoder;

struct ath__csv_options {
    struct ath__columns *columns; /* at least one; a reference is taken */
    bool header_expected;  /* a header row is dropped only when expected AND equal to the labels */
    bool decode_text;      /* every column as TEXT */
    uint64_t skip_rows;    /* data rows that were delivered before: checked, not stored */
    uint64_t object_bytes; /* the object's length when known, else 0; a hint for memory only */
    size_t batch_rows;     /* a batch ends with so many rows; 0: 65,536 */
    size_t batch_bytes; /* or when about so many bytes of text or of memory are in it; 0: 8 MiB */
    size_t row_bytes;   /* a row over several blocks may have so many; 0: 64 MiB */
    enum ath__csv_kernel kernel; /* for tests; ATH_ERR_UNSUPPORTED when this machine lacks it */
};

int ath__csv_decoder_new(
    const struct ath__csv_options *options,
    struct ath__csv_decoder **out_decoder,
    struct ath_error *err);
struct ath__csv_decoder *ath__csv_decoder_release(struct ath__csv_decoder *decoder);

/* The next bytes of the object, of any number. They must stay unchanged until step() asks for more
 * or the decoder is released. ATH_ERR_STATE unless step() asked or nothing was fed yet. */
int ath__csv_decoder_feed(
    struct ath__csv_decoder *decoder, struct ath_slice block, struct ath_error *err);
/* The object ends behind what was fed. */
void ath__csv_decoder_finish(struct ath__csv_decoder *decoder);

enum ath__csv_step {
    ATH__CSV_AGAIN = 0, /* bytes_max is spent */
    ATH__CSV_FEED = 1,  /* the block is read */
    ATH__CSV_BATCH = 2, /* take it */
    ATH__CSV_END = 3,   /* finished, all batches taken */
};

/* Reads on for about `bytes_max` bytes (0: no limit). An enum ath__csv_step, or negative:
 * ATH_ERR_PROTOCOL, NOMEM, TOO_LARGE, and the same again from then on. */
int ath__csv_decoder_step(
    struct ath__csv_decoder *decoder, size_t bytes_max, struct ath_error *err);

/*
 * After BATCH: the batch, at least one row, to the caller once. A column whose values do not all
 * have their type's ordinary form is TEXT in the whole batch; the rows before such a value come in
 * a batch of their own, so batches may have fewer rows than batch_rows.
 */
struct ath_batch *ath__csv_decoder_take(struct ath__csv_decoder *decoder);

#endif
