#include "aws/process_keys.h"

#include "aws/check.h"
#include "base/ascii.h"
#include "base/err.h"
#include "base/json_skip.h"
#include "base/time.h"

#define WORDS_MAX 256
#define OUTPUT_MAX 65536
#define DEPTH_MAX 16

/* -- command line ------------------------------------------------------------------------------ */

/* Takes one word behind blanks into `out`; `at` moves. NULL or what is wrong. */
static const char *take_word(struct ath_slice text, size_t *at, char *out, size_t *out_len) {
    char quote = '\0';
    size_t len = 0;
    for (; *at < text.len; ++*at) {
        char c = text.ptr[*at];
        if (!quote && ath__is_blank(c))
            break;
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? '\0' : c;
            continue;
        }
        if (c == '\\' && quote != '\'') {
            if (*at + 1 == text.len)
                return "it ends in a backslash";
            char next = text.ptr[*at + 1];
            if (!quote || next == '"' || next == '\\') {
                c = next;
                ++*at;
            }
        }
        out[len++] = c;
    }
    *out_len = len;
    return quote ? "a quote is not closed" : NULL;
}

int ath__command_split(
    struct ath_slice text, struct ath__arena *arena, char ***out_argv, struct ath_error *err) {
    const char *wrong = memchr(text.ptr ? text.ptr : "", '\0', text.len) ? "it holds a NUL" : NULL;
    size_t count = 0, at = 0;
    char **argv = ath__arena_alloc(arena, (WORDS_MAX + 1) * sizeof *argv);
    char *words = ath__arena_alloc(arena, 2 * text.len + 1);
    if (!argv || !words)
        return ath__err_nomem(err);
    while (!wrong) {
        size_t len;
        while (at < text.len && ath__is_blank(text.ptr[at]))
            at++;
        if (at == text.len)
            break;
        if (count == WORDS_MAX) {
            wrong = "it has too many words";
            break;
        }
        wrong = take_word(text, &at, words, &len);
        if (wrong)
            break;
        words[len] = '\0';
        argv[count++] = words;
        words += len + 1;
    }
    if (!wrong && (count == 0 || !*argv[0]))
        wrong = "it names no program";
    if (wrong)
        return ath__err_set(err, ATH_ERR_CONFIG, "credential_process cannot be read: %s", wrong);
    argv[count] = NULL;
    *out_argv = argv;
    return 0;
}

/* -- answer ------------------------------------------------------------------------------------ */

/* A string value into `*out`; null is as good as absent. */
static int take_text(struct ath__json_cursor *c, struct ath__arena *arena, char **out) {
    struct ath__json_string string;
    if (*out)
        return ath__json_fail(c, "a member comes twice");
    if (ath__json_literal(c, "null"))
        return 0;
    int rc = ath__json_string_raw(c, &string);
    if (rc)
        return rc;
    char *copy = ath__arena_alloc(arena, string.text.len + 1);
    if (!copy)
        return ATH_ERR_NOMEM;
    size_t len = ath__json_string_decode(&string, copy);
    copy[len] = '\0';
    *out = copy;
    for (size_t i = 0; i < len; i++)
        if (copy[i] < '!' || copy[i] > '~')
            return ath__json_fail(c, "a member holds characters that keys do not have");
    return 0;
}

static int scan_keys(
    struct ath__json_cursor *c,
    struct ath__arena *arena,
    struct ath__process_keys *out,
    struct ath_slice *out_version,
    char **out_expiration) {
    struct ath__json_walk walk = {false};
    struct ath__json_string key;
    int rc;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        if (ath__json_string_is(&key, "Version"))
            rc = ath__json_number(c, out_version);
        else if (ath__json_string_is(&key, "AccessKeyId"))
            rc = take_text(c, arena, &out->access_key_id);
        else if (ath__json_string_is(&key, "SecretAccessKey"))
            rc = take_text(c, arena, &out->secret_access_key);
        else if (ath__json_string_is(&key, "SessionToken"))
            rc = take_text(c, arena, &out->session_token);
        else if (ath__json_string_is(&key, "Expiration"))
            rc = take_text(c, arena, out_expiration);
        else
            rc = ath__json_skip_value(c);
        if (rc)
            return rc;
    }
    return rc ? rc : ath__json_end(c);
}

int ath__process_keys_parse(
    struct ath_slice output,
    struct ath__arena *arena,
    struct ath__process_keys *out,
    struct ath_error *err) {
    struct ath__json_cursor c;
    struct ath_slice version = {NULL, 0};
    char *expiration = NULL;
    const char *wrong = NULL;
    *out = (struct ath__process_keys){0};
    ath__json_init(&c, output, DEPTH_MAX);
    int rc = output.len > OUTPUT_MAX ? ath__json_fail(&c, "it is longer than 64 KiB")
                                     : scan_keys(&c, arena, out, &version, &expiration);
    if (rc == ATH_ERR_NOMEM)
        return ath__err_nomem(err);
    if (rc)
        wrong = c.error;
    else if (!ath__slice_is(version, "1"))
        wrong = "Version must be 1";
    else if (!ath__is_given(out->access_key_id))
        wrong = "AccessKeyId is missing";
    else if (!ath__is_given(out->secret_access_key))
        wrong = "SecretAccessKey is missing";
    else if (
        ath__is_given(expiration) &&
        !ath__time_parse_iso(ath__slice_str(expiration), &out->expire_at))
        wrong = "Expiration is no ISO 8601 time";
    if (wrong)
        return ath__err_set(
            err, ATH_ERR_CREDENTIALS, "credential_process's answer is malformed: %s", wrong);
    if (out->session_token && !*out->session_token)
        out->session_token = NULL;
    return 0;
}
