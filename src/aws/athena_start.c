#include "aws/athena.h"
#include "aws/check.h"
#include "aws/json_write.h"

#include "base/err.h"
#include "base/json_skip.h"
#include "base/utf8.h"

#define DEPTH_MAX 32

static int check_sql(struct ath_slice sql, struct ath_error *err) {
    if (sql.len == 0)
        return ath__err_set(err, ATH_ERR_INVALID, "sql is empty");
    if (sql.len > ATH_SQL_BYTES_MAX)
        return ath__err_set(
            err,
            ATH_ERR_INVALID,
            "sql has %zu bytes of UTF-8, Athena allows %d",
            sql.len,
            ATH_SQL_BYTES_MAX);
    if (memchr(sql.ptr, '\0', sql.len))
        return ath__err_set(err, ATH_ERR_INVALID, "sql holds a NUL character");
    if (!ath__utf8_is_valid(sql.ptr, sql.len))
        return ath__err_set(err, ATH_ERR_INVALID, "sql is not UTF-8");
    return 0;
}

static int check_one_of(
    const char *member, const char *value, const char *const *allowed, struct ath_error *err) {
    if (!ath__is_given(value))
        return 0;
    for (size_t i = 0; allowed[i]; i++)
        if (strcmp(value, allowed[i]) == 0)
            return 0;
    return ath__err_set(err, ATH_ERR_INVALID, "%s has a value Athena does not know", member);
}

static int check_output(const struct ath_query_options *o, struct ath_error *err) {
    static const char *const encryptions[] = {"SSE_S3", "SSE_KMS", "CSE_KMS", NULL};
    static const char *const acls[] = {"BUCKET_OWNER_FULL_CONTROL", NULL};
    const char *location = o->output_location;
    if (ath__is_given(location) &&
        (strncmp(location, "s3://", 5) != 0 || location[5] == '/' || location[5] == '\0'))
        return ath__err_set(
            err, ATH_ERR_INVALID, "output_location must look like s3://bucket/prefix/");
    int rc = ath__check_text("output_location", location, 2048, err);
    if (!rc)
        rc = check_one_of("encryption_option", o->encryption_option, encryptions, err);
    if (!rc)
        rc = ath__check_text("kms_key", o->kms_key, 2048, err);
    if (!rc && ath__is_given(o->kms_key) && !ath__is_given(o->encryption_option))
        rc = ath__err_set(err, ATH_ERR_INVALID, "kms_key needs encryption_option");
    if (!rc)
        rc = check_one_of("acl_option", o->acl_option, acls, err);
    const char *owner = o->expected_bucket_owner;
    if (!rc && ath__is_given(owner) && (strlen(owner) != 12 || strspn(owner, "0123456789") != 12))
        rc = ath__err_set(
            err, ATH_ERR_INVALID, "expected_bucket_owner must be an account id of 12 digits");
    return rc;
}

static int check_parameters(const struct ath_query_options *o, struct ath_error *err) {
    if (o->parameters_count > 0 && !o->parameters)
        return ath__err_set(err, ATH_ERR_INVALID, "parameters is NULL");
    for (size_t i = 0; i < o->parameters_count; i++) {
        const char *text = o->parameters[i];
        if (!ath__is_given(text))
            return ath__err_set(err, ATH_ERR_INVALID, "parameters[%zu] is empty", i);
        if (!ath__utf8_is_valid(text, strlen(text)))
            return ath__err_set(err, ATH_ERR_INVALID, "parameters[%zu] is not UTF-8", i);
    }
    return 0;
}

static int check_ranges(const struct ath_query_options *o, struct ath_error *err) {
    int rc = ath__check_range("result_reuse", o->result_reuse, ATH_OFF, ATH_ON, err);
    if (!rc)
        rc = ath__check_range("result_reuse_minutes", o->result_reuse_minutes, 0, 10080, err);
    if (!rc)
        rc = ath__check_range("page_rows", o->page_rows, 0, 1000, err);
    if (!rc)
        rc = ath__check_range("poll_interval_ms", o->poll_interval_ms, 0, INT32_MAX, err);
    if (!rc)
        rc = ath__check_range("timeout_ms", o->timeout_ms, 0, INT64_MAX, err);
    if (!rc)
        rc = ath__check_range("rows_ahead_bytes", o->rows_ahead_bytes, 0, INT32_MAX, err);
    return rc;
}

int ath__athena_start_check(const struct ath_query_options *options, struct ath_error *err) {
    int rc = check_sql(options->sql, err);
    if (!rc)
        rc = ath__check_text("database", options->database, 255, err);
    if (!rc)
        rc = ath__check_text("catalog", options->catalog, 256, err);
    if (!rc)
        rc = ath__check_work_group(options->work_group, err);
    if (!rc)
        rc = check_output(options, err);
    if (!rc)
        rc = check_parameters(options, err);
    if (!rc)
        rc = check_ranges(options, err);
    const char *token = options->client_request_token;
    if (!rc)
        rc = ath__check_text("client_request_token", token, 128, err);
    if (!rc && token && strlen(token) < 32)
        rc = ath__err_set(err, ATH_ERR_INVALID, "client_request_token needs 32 to 128 characters");
    return rc;
}

static void put_context(struct ath__json_writer *w, const struct ath_query_options *o) {
    if (!ath__is_given(o->database) && !ath__is_given(o->catalog))
        return;
    ath__json_open(w, "QueryExecutionContext", '{');
    ath__json_put_text(w, "Database", o->database);
    ath__json_put_text(w, "Catalog", o->catalog);
    ath__json_close(w, '}');
}

static void put_output(struct ath__json_writer *w, const struct ath_query_options *o) {
    if (!ath__is_given(o->output_location) && !ath__is_given(o->encryption_option) &&
        !ath__is_given(o->expected_bucket_owner) && !ath__is_given(o->acl_option))
        return;
    ath__json_open(w, "ResultConfiguration", '{');
    ath__json_put_text(w, "OutputLocation", o->output_location);
    if (ath__is_given(o->encryption_option)) {
        ath__json_open(w, "EncryptionConfiguration", '{');
        ath__json_put_text(w, "EncryptionOption", o->encryption_option);
        ath__json_put_text(w, "KmsKey", o->kms_key);
        ath__json_close(w, '}');
    }
    ath__json_put_text(w, "ExpectedBucketOwner", o->expected_bucket_owner);
    if (ath__is_given(o->acl_option)) {
        ath__json_open(w, "AclConfiguration", '{');
        ath__json_put_text(w, "S3AclOption", o->acl_option);
        ath__json_close(w, '}');
    }
    ath__json_close(w, '}');
}

static void put_parameters(struct ath__json_writer *w, const struct ath_query_options *o) {
    if (o->parameters_count == 0)
        return;
    ath__json_open(w, "ExecutionParameters", '[');
    for (size_t i = 0; i < o->parameters_count; i++)
        ath__json_put_slice(w, NULL, ath__slice_str(o->parameters[i]));
    ath__json_close(w, ']');
}

static void put_reuse(struct ath__json_writer *w, const struct ath_query_options *o) {
    if (o->result_reuse == ATH_UNSET)
        return;
    ath__json_open(w, "ResultReuseConfiguration", '{');
    ath__json_open(w, "ResultReuseByAgeConfiguration", '{');
    ath__json_put_bool(w, "Enabled", o->result_reuse == ATH_ON);
    if (o->result_reuse == ATH_ON)
        ath__json_put_count(
            w, "MaxAgeInMinutes", o->result_reuse_minutes ? o->result_reuse_minutes : 60);
    ath__json_close(w, '}');
    ath__json_close(w, '}');
}

int ath__athena_start_build(
    const struct ath_query_options *options,
    const char *client_request_token,
    struct ath__buf *out,
    struct ath_error *err) {
    struct ath__json_writer w;
    ath__json_writer_init(&w, out);
    ath__json_open(&w, NULL, '{');
    ath__json_put_slice(&w, "QueryString", options->sql);
    ath__json_put_text(&w, "ClientRequestToken", client_request_token);
    put_context(&w, options);
    put_output(&w, options);
    ath__json_put_text(&w, "WorkGroup", options->work_group);
    put_parameters(&w, options);
    put_reuse(&w, options);
    ath__json_close(&w, '}');
    switch (w.rc) {
    case 0:
        return 0;
    case ATH_ERR_NOMEM:
        return ath__err_nomem(err);
    case ATH_ERR_TOO_LARGE:
        return ath__err_set(err, w.rc, "the request for this query is larger than the limit");
    default:
        return ath__err_set(err, w.rc, "the query's options are not UTF-8");
    }
}

static int scan_start(struct ath__json_cursor *c, struct ath_slice *out_id) {
    struct ath__json_walk walk = {false};
    struct ath__json_string key, id;
    int rc;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        if (!ath__json_string_is(&key, "QueryExecutionId")) {
            rc = ath__json_skip_value(c);
        } else if (out_id->ptr) {
            rc = ath__json_fail(c, "QueryExecutionId comes twice");
        } else {
            rc = ath__json_string_raw(c, &id);
            if (!rc && !ath__is_plain_id(id.text))
                rc = ath__json_fail(c, "QueryExecutionId is malformed");
            *out_id = id.text;
        }
        if (rc)
            return rc;
    }
    if (!rc)
        rc = ath__json_end(c);
    if (!rc && !out_id->ptr)
        rc = ath__json_fail(c, "QueryExecutionId is missing");
    return rc;
}

int ath__athena_start_parse(struct ath_slice body, char out_id[129], struct ath_error *err) {
    struct ath__json_cursor c;
    struct ath_slice id = {NULL, 0};
    ath__json_init(&c, body, DEPTH_MAX);
    if (scan_start(&c, &id))
        return ath__refuse_answer("StartQueryExecution", &c, err);
    memcpy(out_id, id.ptr, id.len);
    out_id[id.len] = '\0';
    return 0;
}
