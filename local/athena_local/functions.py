"""Functions of Athena's SQL: which exist, and what DuckDB lacks or does otherwise."""

from __future__ import annotations

import hashlib
import zlib

import duckdb

from .render import java_double, java_float, scientific

# Same name and meaning in DuckDB.
PASS = frozenset(
    [
        "abs",
        "acos",
        "asin",
        "atan",
        "atan2",
        "cbrt",
        "ceil",
        "ceiling",
        "cos",
        "degrees",
        "exp",
        "floor",
        "ln",
        "log2",
        "log10",
        "mod",
        "pi",
        "pow",
        "power",
        "radians",
        "random",
        "rand",
        "round",
        "sign",
        "sin",
        "sqrt",
        "tan",
        "cosh",
        "sinh",
        "tanh",
        "greatest",
        "least",
        "coalesce",
        "nullif",
        "if",
        "length",
        "lower",
        "upper",
        "trim",
        "ltrim",
        "rtrim",
        "replace",
        "reverse",
        "strpos",
        "substr",
        "substring",
        "translate",
        "split_part",
        "starts_with",
        "lpad",
        "rpad",
        "concat",
        "chr",
        "bit_count",
        "array_agg",
        "avg",
        "count",
        "max",
        "min",
        "sum",
        "max_by",
        "min_by",
        "arbitrary",
        "any_value",
        "bool_and",
        "bool_or",
        "bit_and",
        "bit_or",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "variance",
        "var_pop",
        "var_samp",
        "corr",
        "covar_pop",
        "covar_samp",
        "regr_slope",
        "regr_intercept",
        "skewness",
        "kurtosis",
        "geometric_mean",
        "approx_distinct",
        "approx_percentile",
        "entropy",
        "mode",
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "nth_value",
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "quarter",
        "week",
        "date_trunc",
        "last_day_of_month",
        "array_distinct",
        "array_position",
        "flatten",
        "uuid",
        "typeof",
        "grouping",
        "cardinality",
        "transform",
        "any_match",
        "all_match",
        "none_match",
        "filter",
        "reduce",
    ]
)

# Trino name -> macro of ours (or a DuckDB function) with the same arguments.
RENAMED = {
    "cardinality": "ath_cardinality",
    "day_of_week": "isodow",
    "dow": "isodow",
    "day_of_month": "day",
    "day_of_year": "dayofyear",
    "doy": "dayofyear",
    "week_of_year": "week",
    "year_of_week": "isoyear",
    "yow": "isoyear",
    "millisecond": "ath_millisecond",
    "from_hex": "ath_from_hex",
    "to_hex": "ath_to_hex",
    "to_utf8": "encode",
    "from_utf8": "decode",
    "to_base64": "to_base64",
    "from_base64": "from_base64",
    "md5": "ath_md5",
    "sha1": "ath_sha1",
    "sha256": "ath_sha256",
    "sha512": "ath_sha512",
    "crc32": "ath_crc32",
    "codepoint": "unicode",
    "levenshtein_distance": "levenshtein",
    "hamming_distance": "hamming",
    "json_parse": "ath_json_parse",
    "json_format": "ath_json_format",
    "json_array_length": "json_array_length",
    "json_size": "ath_json_size",
    "is_nan": "isnan",
    "is_finite": "isfinite",
    "is_infinite": "isinf",
    "nan": "ath_nan",
    "infinity": "ath_infinity",
    "e": "ath_e",
    "truncate": "trunc",
    "bitwise_and": "ath_bitwise_and",
    "bitwise_or": "ath_bitwise_or",
    "bitwise_xor": "xor",
    "bitwise_not": "ath_bitwise_not",
    "map_keys": "map_keys",
    "map_values": "map_values",
    "map_entries": "map_entries",
    "map_concat": "map_concat",
    "map_from_entries": "map_from_entries",
    "array_join": "ath_array_join",
    "array_max": "list_max",
    "array_min": "list_min",
    "array_sort": "list_sort",
    "array_sum": "list_sum",
    "array_average": "list_avg",
    "array_intersect": "list_intersect",
    "array_union": "ath_array_union",
    "array_except": "ath_array_except",
    "array_remove": "ath_array_remove",
    "arrays_overlap": "list_has_any",
    "contains": "ath_contains",
    "repeat": "ath_repeat",
    "slice": "ath_slice",
    "zip": "list_zip",
    "sequence": "ath_sequence",
    "date_add": "ath_date_add",
    "from_unixtime": "ath_from_unixtime",
    "to_unixtime": "epoch",
    "from_iso8601_timestamp": "ath_from_iso8601_timestamp",
    "from_iso8601_date": "ath_from_iso8601_date",
    "to_iso8601": "ath_to_iso8601",
    "current_timezone": "ath_current_timezone",
    "with_timezone": "ath_with_timezone",
    "at_timezone": "ath_at_timezone",
    "url_extract_host": "ath_url_host",
    "count_if": "count_if",
    "every": "bool_and",
    "regexp_like": "regexp_matches",
    "regexp_extract_all": "regexp_extract_all",
    "regexp_split": "regexp_split_to_array",
    "split": "string_split",
    "map_agg": "ath_map_agg",
    "histogram": "histogram",
    "bitwise_and_agg": "bit_and",
    "bitwise_or_agg": "bit_or",
    "array_agg": "array_agg",
    "random": "ath_random",
    "rand": "ath_random",
    "row_number": "row_number",
    "date": "ath_date",
    "version": "ath_version",
    "concat_ws": "concat_ws",
    "width_bucket": "ath_width_bucket",
    "normalize": "nfc_normalize",
    "rpad": "rpad",
    "position": "ath_position",
}

_MACROS = """
CREATE OR REPLACE MACRO ath_millisecond(t) AS CAST(millisecond(t) % 1000 AS BIGINT);
CREATE OR REPLACE MACRO ath_from_hex(s) AS unhex(s);
CREATE OR REPLACE MACRO ath_to_hex(b) AS upper(hex(b));
CREATE OR REPLACE MACRO ath_json_parse(s) AS CAST(s AS JSON);
CREATE OR REPLACE MACRO ath_json_format(j) AS CAST(CAST(j AS JSON) AS VARCHAR);
CREATE OR REPLACE MACRO ath_json_scalar(j, p) AS CASE json_type(CAST(j AS JSON), p)
  WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL ELSE json_extract_string(CAST(j AS JSON), p) END;
CREATE OR REPLACE MACRO ath_json_size(j, p) AS CASE json_type(CAST(j AS JSON), p)
  WHEN 'OBJECT' THEN CAST(len(json_keys(CAST(j AS JSON), p)) AS BIGINT)
  WHEN 'ARRAY' THEN CAST(json_array_length(CAST(j AS JSON), p) AS BIGINT)
  WHEN NULL THEN NULL ELSE 0 END;
CREATE OR REPLACE MACRO ath_nan() AS CAST('nan' AS DOUBLE);
CREATE OR REPLACE MACRO ath_infinity() AS CAST('inf' AS DOUBLE);
CREATE OR REPLACE MACRO ath_e() AS exp(1e0);
CREATE OR REPLACE MACRO ath_bitwise_and(a, b) AS CAST(a AS BIGINT) & CAST(b AS BIGINT);
CREATE OR REPLACE MACRO ath_bitwise_or(a, b) AS CAST(a AS BIGINT) | CAST(b AS BIGINT);
CREATE OR REPLACE MACRO ath_bitwise_not(a) AS ~CAST(a AS BIGINT);
CREATE OR REPLACE MACRO ath_array_join(a, d) AS array_to_string(a, d),
  (a, d, n) AS array_to_string(list_transform(a, lambda x: coalesce(CAST(x AS VARCHAR), n)), d);
CREATE OR REPLACE MACRO ath_array_union(a, b) AS list_distinct(list_concat(a, b));
CREATE OR REPLACE MACRO ath_array_except(a, b) AS
  list_distinct(list_filter(a, lambda x: NOT list_contains(b, x)));
CREATE OR REPLACE MACRO ath_array_remove(a, v) AS list_filter(a, lambda x: x <> v);
CREATE OR REPLACE MACRO ath_contains(a, v) AS CASE WHEN a IS NULL OR v IS NULL THEN NULL
  ELSE list_contains(a, v) END;
CREATE OR REPLACE MACRO ath_repeat(v, n) AS list_transform(range(n), lambda x: v);
CREATE OR REPLACE MACRO ath_slice(a, s, n) AS CASE WHEN s = 0
  THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
  WHEN s > 0 THEN list_slice(a, s, s + n - 1)
  ELSE list_slice(a, len(a) + s + 1, len(a) + s + n) END;
CREATE OR REPLACE MACRO ath_sequence(a DATE, b DATE) AS
  list_transform(generate_series(a, b,
    CASE WHEN b >= a THEN INTERVAL 1 DAY ELSE -INTERVAL 1 DAY END),
    lambda x: CAST(x AS DATE)),
  (a BIGINT, b BIGINT) AS generate_series(a, b, CASE WHEN b >= a THEN 1 ELSE -1 END),
  (a BIGINT, b BIGINT, s BIGINT) AS generate_series(a, b, s),
  (a DATE, b DATE, s INTERVAL) AS
    list_transform(generate_series(a, b, s), lambda x: CAST(x AS DATE)),
  (a TIMESTAMP, b TIMESTAMP, s INTERVAL) AS generate_series(a, b, s);
CREATE OR REPLACE MACRO ath_interval(u, n) AS CASE lower(u)
  WHEN 'millisecond' THEN to_milliseconds(n) WHEN 'second' THEN to_seconds(n)
  WHEN 'minute' THEN to_minutes(n) WHEN 'hour' THEN to_hours(n) WHEN 'day' THEN to_days(CAST(n AS INTEGER))
  WHEN 'week' THEN to_weeks(CAST(n AS INTEGER)) WHEN 'month' THEN to_months(CAST(n AS INTEGER))
  WHEN 'quarter' THEN to_months(CAST(3 * n AS INTEGER)) WHEN 'year' THEN to_years(CAST(n AS INTEGER))
  ELSE error('INVALID_FUNCTION_ARGUMENT: ''' || u || ''' is not a valid unit') END;
CREATE OR REPLACE MACRO ath_date_add(u, n, d DATE) AS CAST(d + ath_interval(u, n) AS DATE),
  (u, n, d TIMESTAMP) AS d + ath_interval(u, n),
  (u, n, d TIMESTAMPTZ) AS d + ath_interval(u, n);
CREATE OR REPLACE MACRO ath_date_trunc(u, d DATE) AS CAST(date_trunc(u, d) AS DATE),
  (u, d TIMESTAMP) AS date_trunc(u, d), (u, d TIMESTAMPTZ) AS date_trunc(u, d);
CREATE OR REPLACE MACRO ath_from_unixtime(n) AS
  to_timestamp(round(CAST(n AS DOUBLE) * 1000) / 1000);
CREATE OR REPLACE MACRO ath_from_iso8601_timestamp(s) AS CAST(s AS TIMESTAMPTZ);
CREATE OR REPLACE MACRO ath_from_iso8601_date(s) AS CAST(s AS DATE);
CREATE OR REPLACE MACRO ath_to_iso8601(t DATE) AS CAST(t AS VARCHAR),
  (t TIMESTAMP) AS strftime(t, '%Y-%m-%dT%H:%M:%S.%g'),
  (t TIMESTAMPTZ) AS strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ');
CREATE OR REPLACE MACRO ath_current_timezone() AS 'UTC';
CREATE OR REPLACE MACRO ath_with_timezone(t, z) AS timezone(z, CAST(t AS TIMESTAMP));
CREATE OR REPLACE MACRO ath_at_timezone(t, z) AS CAST(t AS TIMESTAMPTZ);
CREATE OR REPLACE MACRO ath_url_host(u) AS regexp_extract(u, '^[^:/?#]+://(?:[^@/?#]*@)?([^:/?#]*)', 1);
CREATE OR REPLACE MACRO ath_map_agg(k, v) AS map(list(k), list(v));
CREATE OR REPLACE MACRO ath_random() AS random(),
  (n) AS CAST(floor(random() * n) AS BIGINT),
  (a, b) AS CAST(a + floor(random() * (b - a)) AS BIGINT);
CREATE OR REPLACE MACRO ath_date(t) AS CAST(t AS DATE);
CREATE OR REPLACE MACRO ath_version() AS 'athena-local';
CREATE OR REPLACE MACRO ath_width_bucket(x, lo, hi, n) AS CAST(CASE WHEN x < lo THEN 0
  WHEN x >= hi THEN n + 1 ELSE floor((x - lo) / CAST(hi - lo AS DOUBLE) * n) + 1 END AS BIGINT);
CREATE OR REPLACE MACRO ath_position(s, t) AS CAST(strpos(t, s) AS BIGINT);
CREATE OR REPLACE MACRO ath_at(a, i) AS CASE WHEN i < 1 OR i > len(a)
  THEN error('INVALID_FUNCTION_ARGUMENT: Array subscript must be between 1 and ' || len(a)) ELSE a[i] END;
CREATE OR REPLACE MACRO ath_substr(s, n) AS CASE WHEN n = 0 THEN '' ELSE substr(s, n) END,
  (s, n, m) AS CASE WHEN n = 0 THEN '' ELSE substr(s, n, m) END;
CREATE OR REPLACE MACRO ath_quotient(a, b) AS CASE WHEN b = 0
  THEN error('DIVISION_BY_ZERO: / by zero') ELSE a // b END;
CREATE OR REPLACE MACRO ath_mod(a, b) AS CASE WHEN b = 0 AND typeof(b) NOT IN ('DOUBLE', 'FLOAT')
  THEN error('DIVISION_BY_ZERO: / by zero') ELSE a % b END;
CREATE OR REPLACE MACRO ath_divide(a, b) AS CAST(a AS DOUBLE) / CAST(b AS DOUBLE);
CREATE OR REPLACE MACRO ath_round_divide(n, d) AS CASE WHEN d = 0
  THEN error('DIVISION_BY_ZERO: / by zero')
  ELSE ((2 * abs(n) + abs(d)) // (2 * abs(d))) * CAST(sign(n) * sign(d) AS HUGEINT) END;
CREATE OR REPLACE MACRO ath_try_round_divide(n, d) AS
  ((2 * abs(n) + abs(d)) // (2 * abs(nullif(d, 0)))) * CAST(sign(n) * sign(d) AS HUGEINT);
CREATE OR REPLACE MACRO ath_plus(a DATE, b INTERVAL) AS CAST(a + b AS DATE),
  (a TIMESTAMP, b INTERVAL) AS a + b, (a TIMESTAMPTZ, b INTERVAL) AS a + b,
  (a TIME, b INTERVAL) AS a + b, (a INTERVAL, b INTERVAL) AS a + b;
CREATE OR REPLACE MACRO ath_varchar(a) AS CASE typeof(a)
  WHEN 'DOUBLE' THEN ath_double_text(TRY_CAST(CAST(a AS VARCHAR) AS DOUBLE))
  WHEN 'FLOAT' THEN ath_float_text(TRY_CAST(CAST(a AS VARCHAR) AS FLOAT))
  WHEN 'TIMESTAMP' THEN strftime(TRY_CAST(CAST(a AS VARCHAR) AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g')
  WHEN 'TIMESTAMP WITH TIME ZONE'
  THEN strftime(TRY_CAST(CAST(a AS VARCHAR) AS TIMESTAMPTZ), '%Y-%m-%d %H:%M:%S.%g UTC')
  WHEN 'JSON' THEN json_extract_string(TRY_CAST(CAST(a AS VARCHAR) AS JSON), '$')
  ELSE CAST(a AS VARCHAR) END
"""


_CARDINALITY = "CREATE OR REPLACE MACRO ath_cardinality(a) AS CAST(cardinality(a) AS BIGINT)"
# Before DuckDB 2 its cardinality takes maps only.
_OLD_CARDINALITY = """
CREATE OR REPLACE MACRO ath_cardinality(a) AS CASE WHEN a IS NULL THEN NULL
  WHEN typeof(a) LIKE 'MAP(%' AND typeof(a) NOT LIKE '%]'
  THEN CAST(len(json_keys(to_json(a))) AS BIGINT)
  ELSE CAST(json_array_length(to_json(a)) AS BIGINT) END
"""


def macro_statements() -> list[str]:
    """The SQL that defines our macros, one statement each."""
    out = [text.strip() for text in _MACROS.split(";\n") if text.strip()]
    return [*out, _CARDINALITY if duckdb.__version__ >= "2" else _OLD_CARDINALITY]


def _digest(name: str) -> object:
    def run(data: bytes) -> bytes:
        return hashlib.new(name, data, usedforsecurity=False).digest()

    return run


def _double_text(value: float) -> str:
    text = java_double(value)
    return text if text[-1] in "Ny" else scientific(repr(value)) if value else text + "E0"


def _float_text(value: float) -> str:
    text = java_float(value)
    return text if text[-1] in "Ny" else scientific(text) if value else text + "E0"


def _crc32(data: bytes) -> int:
    return zlib.crc32(data)


# name, function, argument types, result type
SCALARS: list[tuple[str, object, list[str], str]] = [
    ("ath_md5", _digest("md5"), ["BLOB"], "BLOB"),
    ("ath_sha1", _digest("sha1"), ["BLOB"], "BLOB"),
    ("ath_sha256", _digest("sha256"), ["BLOB"], "BLOB"),
    ("ath_sha512", _digest("sha512"), ["BLOB"], "BLOB"),
    ("ath_crc32", _crc32, ["BLOB"], "BIGINT"),
    ("ath_double_text", _double_text, ["DOUBLE"], "VARCHAR"),
    ("ath_float_text", _float_text, ["FLOAT"], "VARCHAR"),
]
