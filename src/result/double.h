/* Decimal text into the nearest double. */
#ifndef ATH_RESULT_DOUBLE_H
#define ATH_RESULT_DOUBLE_H

#include "base/slice.h"

/* [-]digits[.digits][e[+-]digits], NaN, Infinity or -Infinity, rounded to nearest, ties to even.
 * False on any other form, on numbers too large for a double and on texts of more than 400 bytes.
 */
bool ath__double_parse(struct ath_slice text, double *out);

#endif
