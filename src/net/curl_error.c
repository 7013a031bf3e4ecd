#include "net/curl_transport.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Words of the peer and of libcurl may be in here: one line of ASCII, whatever they were. */
static void tidy(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            *text = '?';
}

void ath__exchange_say(struct ath__exchange *x, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(x->message, sizeof x->message, format, args);
    va_end(args);
    tidy(x->message);
}

static bool is_peer_reset(const struct ath__slot *slot) {
    return strstr(slot->words, "SSL_ERROR_SYSCALL") || strstr(slot->words, "onnection reset") ||
           strstr(slot->words, "unexpected eof");
}

static int classify(CURLcode code) {
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_OUT_OF_MEMORY:
        return ATH_ERR_NOMEM;
    case CURLE_COULDNT_RESOLVE_HOST:
        return ATH_ERR_DNS;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return ATH_ERR_PROXY;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: /* only connecting has a limit in libcurl */
        return ATH_ERR_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_USE_SSL_FAILED:
        return ATH_ERR_TLS;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_AGAIN:
        return ATH_ERR_IO;
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return ATH_ERR_INVALID;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
#if LIBCURL_VERSION_NUM >= 0x080600
    case CURLE_TOO_LARGE:
#endif
        return ATH_ERR_PROTOCOL;
    default:
        return ATH_ERR_SYSTEM;
    }
}

/* What failed before the request could leave a proxy's way is the proxy's, but for TLS. */
static int refine(const struct ath__slot *slot, CURLcode code, int result) {
    long connect_status = 0;
    curl_easy_getinfo(slot->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    if (code == CURLE_SSL_CONNECT_ERROR && is_peer_reset(slot))
        return slot->host->proxy ? ATH_ERR_PROXY : ATH_ERR_CONNECT;
    if (slot->host->proxy && !slot->sent && (result == ATH_ERR_IO || result == ATH_ERR_CONNECT))
        return ATH_ERR_PROXY;
    if (slot->host->proxy && connect_status >= 300 && result != ATH_ERR_TLS)
        return ATH_ERR_PROXY;
    if (result == ATH_ERR_IO && strstr(slot->words, "hunk"))
        return ATH_ERR_PROTOCOL;
    if (result == ATH_ERR_CONNECT && slot->socket_errno)
        return ATH_ERR_SYSTEM;
    return result;
}

static void describe_connect(struct ath__slot *slot, CURLcode code) {
    const struct ath__host *host = slot->host;
    struct ath__exchange *x = slot->x;
    const char *via = host->proxy ? "proxy " : "";
    long os_error = slot->socket_errno;
    if (!os_error)
        curl_easy_getinfo(slot->easy, CURLINFO_OS_ERRNO, &os_error);
    if (code == CURLE_OPERATION_TIMEDOUT || os_error == ETIMEDOUT)
        ath__exchange_say(
            x,
            "connecting to %s%.100s:%u timed out after %u ms",
            via,
            host->connect_name,
            host->connect_port,
            x->route->connect_timeout_ms);
    else
        ath__exchange_say(
            x,
            "cannot connect to %s%.100s:%u: %s",
            via,
            host->connect_name,
            host->connect_port,
            os_error ? strerror((int)os_error) : curl_easy_strerror(code));
}

/* libcurl takes an answer that ends within its headers as one without a body, and a header line
 * beyond its limit (100 KB) as a lack of memory. */
static int check_head(const struct ath__slot *slot, CURLcode code) {
    if (!slot->sent || slot->head_done)
        return 0;
    if (code == CURLE_OK) {
        ath__exchange_say(
            slot->x,
            "%.100s:%u: the connection ended within the answer's headers",
            slot->host->host,
            slot->host->port);
        return ATH_ERR_IO;
    }
    if (code != CURLE_OUT_OF_MEMORY)
        return 0;
    ath__exchange_say(
        slot->x,
        "%.100s:%u: a header line of the answer is too long",
        slot->host->host,
        slot->host->port);
    return ATH_ERR_PROTOCOL;
}

int ath__slot_explain(struct ath__slot *slot, CURLcode code) {
    struct ath__exchange *x = slot->x;
    const struct ath__host *host = slot->host;
    if (slot->failure) {
        if (slot->failure == ATH_ERR_TOO_LARGE && !x->message[0])
            ath__exchange_say(
                x,
                "%.100s:%u: the answer is longer than %zu bytes",
                host->host,
                host->port,
                x->body_max);
        return slot->failure;
    }
    int result = check_head(slot, code);
    if (result)
        return result;
    result = classify(code);
    if (!result)
        return 0;
    result = refine(slot, code, result);
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT)
        describe_connect(slot, code);
    else
        ath__exchange_say(
            x,
            "%.100s:%u: %.120s",
            host->host,
            host->port,
            slot->words[0] ? slot->words : curl_easy_strerror(code));
    return result;
}
