#include "aws/endpoint.h"
#include "aws/s3.h"
#include "aws/s3_xml.h"
#include "base/ascii.h"

#include <stdio.h>

/* What S3's own codes mean beyond the rules that all services share. */
static const struct ath__error_rule rules[] = {
    {"ServiceUnavailable", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"TooManyRequests", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"SlowDownRead", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"SlowDownWrite", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"BadDigest", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"XAmzContentChecksumMismatch", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"IncompleteBody", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"ConditionalRequestConflict", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"TokenRefreshRequired", ATH_ERR_CREDENTIALS, ATH__RETRY_EXPIRED},
    {"NotSignedUp", ATH_ERR_ACCESS, ATH__RETRY_NEVER},
    {"AccountProblem", ATH_ERR_ACCESS, ATH__RETRY_NEVER},
    {"AllAccessDisabled", ATH_ERR_ACCESS, ATH__RETRY_NEVER},
    {"InvalidObjectState", ATH_ERR_ACCESS, ATH__RETRY_NEVER},
    {"NoSuchKey", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER},
    {"NoSuchBucket", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER},
    {"NoSuchUpload", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER},
    {"NoSuchVersion", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER},
    /* Of 200 answers, whose status says nothing. */
    {"OperationAborted", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    {"PreconditionFailed", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    {"InvalidPart", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    {"InvalidPartOrder", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    {"InvalidRequest", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    {"InvalidArgument", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    {"EntityTooSmall", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    {"EntityTooLarge", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    {"MalformedXML", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    {"NotImplemented", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
};

/* Those that mean: this bucket is in another region. */
static bool is_redirect(const char *code) {
    static const char *const codes[] = {
        "PermanentRedirect",
        "TemporaryRedirect",
        "Redirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "IncorrectEndpoint",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

/* -- the document ------------------------------------------------------------------------------ */

enum error_id { ERROR_ROOT = 1, ERROR_CODE, ERROR_MESSAGE, ERROR_REGION };
static const char *const error_names[] = {"Error", "Code", "Message", "Region", NULL};
#define OTHER_ROOT 1

struct document {
    char code[80], message[1024], region[64];
};

static int open_error(struct ath__s3_xml *xml, int id) {
    return xml->depth == 1 && id != ERROR_ROOT ? OTHER_ROOT : 0;
}

static int close_error(struct ath__s3_xml *xml, int id, struct ath_slice text) {
    struct document *document = xml->user;
    if (xml->depth != 2)
        return 0;
    if (id == ERROR_CODE && text.len < sizeof document->code)
        ath__error_line(document->code, sizeof document->code, text);
    else if (id == ERROR_MESSAGE)
        ath__error_line(document->message, sizeof document->message, text);
    else if (id == ERROR_REGION && text.len < sizeof document->region)
        ath__error_line(document->region, sizeof document->region, text);
    return 0;
}

/* 0, OTHER_ROOT, PROTOCOL or NOMEM. */
static int read_document(struct ath_slice body, struct document *out) {
    struct ath__s3_xml xml = {
        .names = error_names, .open = open_error, .close = close_error, .user = out};
    *out = (struct document){{0}, {0}, {0}};
    int rc = ath__s3_xml_read(&xml, body, NULL);
    ath__s3_xml_clear(&xml);
    return rc;
}

/* -- classes ----------------------------------------------------------------------------------- */

/* What HTTP says in place of a message. */
static const char *status_text(int status) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {301, "Moved Permanently"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {416, "Range Not Satisfiable"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Slow Down"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "";
}

/* The program's own list of throttling codes goes before S3's rules. */
static void apply_rules(int status, struct ath__aws_error *out) {
    if (out->retry == ATH__RETRY_THROTTLE)
        return;
    if (status == 503 && out->retry == ATH__RETRY_TRANSIENT) {
        out->kind = ATH_ERR_THROTTLED;
        out->retry = ATH__RETRY_THROTTLE;
    }
    ath__error_apply(rules, sizeof rules / sizeof *rules, out);
    if (is_redirect(out->code)) {
        out->kind = ATH_ERR_SERVICE;
        out->retry = ATH__RETRY_NEVER;
    }
}

static void classify(
    int status,
    const struct document *document,
    const char *extra_codes,
    int64_t skew_s,
    struct ath__aws_error *out) {
    struct ath_slice nothing = {NULL, 0};
    ath__aws_error_parse(status, ath__slice_str(document->code), nothing, extra_codes, skew_s, out);
    snprintf(out->message, sizeof out->message, "%s", document->message);
    apply_rules(status, out);
}

/* -- public ------------------------------------------------------------------------------------ */

/* Only what can be part of a host name; S3's regions are in lower case. */
static bool take_region(struct ath_slice text, char out[64]) {
    text = ath__slice_trim(text);
    if (text.len == 0 || text.len > 63)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ath__to_lower(text.ptr[i]))
            return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    if (strlen(out) == text.len && ath__region_is_valid(out))
        return true;
    out[0] = '\0';
    return false;
}

int ath__s3_error_parse(
    int status,
    struct ath_slice body,
    struct ath_slice redirect_region,
    const char *extra_codes,
    int64_t skew_s,
    struct ath__aws_error *out,
    char out_region[64]) {
    struct document document = {{0}, {0}, {0}};
    struct ath_slice nothing = {NULL, 0};
    int rc = body.len > 0 ? read_document(body, &document) : 0;
    out_region[0] = '\0';
    if (rc == 0 && document.code[0]) {
        classify(status, &document, extra_codes, skew_s, out);
    } else {
        /* None, or a proxy's page, whose text may help. */
        ath__aws_error_parse(status, nothing, rc == 0 ? nothing : body, extra_codes, skew_s, out);
        apply_rules(status, out);
        if (!out->message[0])
            snprintf(out->message, sizeof out->message, "%s", status_text(status));
        /* HEAD's answer to a wrong time is a bare 403. */
        if (status == 403 && ath__skew_explains(skew_s))
            out->retry = ATH__RETRY_SKEW;
    }
    if (!take_region(redirect_region, out_region) && is_redirect(out->code))
        take_region(ath__slice_str(document.region), out_region);
    return rc == ATH_ERR_NOMEM ? rc : 0;
}

bool ath__s3_is_error_in_success(
    struct ath_slice body, const char *extra_codes, struct ath__aws_error *out) {
    struct document document;
    if (body.len == 0 || read_document(body, &document) != 0)
        return false;
    classify(500, &document, extra_codes, 0, out);
    return true;
}
