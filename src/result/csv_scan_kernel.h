/*
 * The scan over bitmaps of 64 bytes. Included once for each kernel, which defines SCAN_NAME,
 * SCAN_TARGET (attributes or nothing), SCAN_READ(p, out), SCAN_PREFIX(bits) and
 * SCAN_COUNT(bits).
 *
 * Quotes are counted: bytes behind an odd number of them are text. As nothing but commas, LF and
 * quotes is let stand outside of text, every opening quote follows a separator or, for `""`, a
 * closing quote, and no other check is needed. Whether the separators make rows is seen afterwards.
 */
SCAN_TARGET static void SCAN_NAME(struct ath__csv_scan *scan) {
    uint64_t quoted = 0, closed = 0; /* carried: inside of quotes; the last byte closed some */
    uint64_t high = 0, escapes = 0, wrong = 0;
    size_t len = scan->source.len, count = 0, lf_count = 0, base = 0;
    size_t count_max = scan->columns * scan->rows_max;
    uint32_t *ends = scan->ends + 1;
    for (; base < len && count < count_max; base += 64) {
        struct bitmaps maps;
        char tail[64];
        uint64_t valid = ~UINT64_C(0);
        if (base >= scan->soft_end && count >= scan->columns)
            break;
        const char *p = scan->source.ptr + base;
        if (len - base < 64) {
            valid = (UINT64_C(1) << (len - base)) - 1;
            memset(tail, 0, sizeof tail);
            memcpy(tail, p, len - base);
            p = tail;
        }
        SCAN_READ(p, &maps);
        uint64_t inside = SCAN_PREFIX(maps.quote) ^ quoted;
        uint64_t closing = maps.quote & ~inside;
        uint64_t separators = (maps.comma | maps.lf) & ~inside;
        escapes |= maps.quote & inside & (closing << 1 | closed);
        wrong = ~(inside | maps.quote | maps.comma | maps.lf) & valid;
        quoted = 0 - (inside >> 63); /* of a tail too: its padding holds no quote */
        closed = closing >> 63;
        high |= maps.high;
        if (__builtin_expect(wrong != 0, 0))
            separators &= (wrong & (0 - wrong)) - 1;
        lf_count += SCAN_COUNT(separators & maps.lf);
        size_t found = SCAN_COUNT(separators);
        uint32_t *to = ends + count;
        count += found;
        /* Eight at once, whether there are so many or not, spares a hard guess. */
        do {
            for (unsigned i = 0; i < 8; i++) {
                to[i] = (uint32_t)base + lowest_bit(separators);
                separators &= separators - 1;
            }
            to += 8;
        } while (__builtin_expect(separators != 0, 0));
        if (__builtin_expect(wrong != 0, 0))
            break;
    }
    scan->has_high = high != 0;
    scan->has_escapes = escapes != 0;
    scan->is_quoted = quoted != 0;
    end_scan(scan, count, lf_count, wrong ? base + lowest_bit(wrong) : SIZE_MAX);
}

#undef SCAN_NAME
#undef SCAN_TARGET
#undef SCAN_READ
#undef SCAN_PREFIX
#undef SCAN_COUNT
