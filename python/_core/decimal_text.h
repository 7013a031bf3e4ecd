/* The text of a 128-bit decimal number. */
#ifndef CORE_DECIMAL_TEXT_H
#define CORE_DECIMAL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define CORE_DECIMAL_SCALE_MAX 38
#define CORE_DECIMAL_TEXT_MAX 48 /* sign, 39 digits or "0." and 38 digits, point */

/*
 * Writes the number whose 16-byte little-endian two's complement is at `bytes`, divided by
 * 10^scale (0..38), with exactly `scale` digits after the point. Returns the length; no NUL.
 */
size_t core_decimal_text(const unsigned char *bytes, int32_t scale, char *out);

#endif
