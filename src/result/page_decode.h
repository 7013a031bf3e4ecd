/*
 * A GetQueryResults answer into columns and a batch. Strict: a corrupted document is an error that
 * tells the byte offset, never a wrong row. Works in bounded steps so that its thread stays free
 * for others. Pure.
 */
#ifndef ATH_RESULT_PAGE_DECODE_H
#define ATH_RESULT_PAGE_DECODE_H

#include "result/batch.h"

struct ath__page_decoder;

struct ath__page_options {
    bool is_first;        /* first page: may carry the header row */
    bool header_expected; /* a header row is dropped only when expected AND equal to the labels */
    bool decode_text;     /* every column as TEXT */
    size_t rows_max;      /* more rows than asked for are refused */
    struct ath__columns *columns; /* of the first page; NULL on it. A later page with other columns
                                     (count, names or types) is refused */
};

/* `body` must stay unchanged until the decoder is released. */
int ath__page_decoder_new(
    struct ath_slice body,
    const struct ath__page_options *options,
    struct ath__page_decoder **out_decoder,
    struct ath_error *err);
struct ath__page_decoder *ath__page_decoder_release(struct ath__page_decoder *decoder);

/* Reads on for about `bytes_max` bytes of the body (0: to the end). 1: finished, 0: call again,
 * negative: ATH_ERR_PROTOCOL, NOMEM, TOO_LARGE. */
int ath__page_decoder_step(
    struct ath__page_decoder *decoder, size_t bytes_max, struct ath_error *err);

/* After 1. Each reference or text goes to the caller once. `out_batch` may be NULL (no rows).
 * `out_next_token` is a NUL-terminated copy (ath__free) or NULL on the last page.
 * `out_columns` is a reference (the given one on later pages). `out_update_count` -1: absent. */
struct ath__page {
    struct ath__columns *columns;
    struct ath_batch *batch;
    char *next_token;
    int64_t update_count;
};
void ath__page_decoder_take(struct ath__page_decoder *decoder, struct ath__page *out_page);

#endif
