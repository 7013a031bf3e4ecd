#include "aws/url.h"

#include "base/ascii.h"
#include "base/err.h"

#include <stdio.h>

#define URL_MAX 2048
#define HOST_MAX 253

static bool is_hex(char c) {
    return ath__is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name(struct ath_slice host) {
    if (host.len == 0 || host.len > HOST_MAX || host.ptr[0] == '.' || host.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (!ath__is_alnum(c) && c != '-' && c != '_' && c != '.')
            return false;
        if (c == '.' && i > 0 && host.ptr[i - 1] == '.')
            return false;
    }
    return true;
}

static bool is_ipv6(struct ath_slice host) {
    size_t colons = 0;
    for (size_t i = 0; i < host.len; i++) {
        colons += host.ptr[i] == ':';
        if (!is_hex(host.ptr[i]) && host.ptr[i] != ':' && host.ptr[i] != '.')
            return false;
    }
    return host.len <= 45 && colons >= 2 && colons <= 7;
}

/* RFC 3986's path characters, escapes well formed. */
static bool is_path(struct ath_slice path) {
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '%') {
            if (path.len - i < 3 || !is_hex(path.ptr[i + 1]) || !is_hex(path.ptr[i + 2]))
                return false;
            i += 2;
        } else if (!c || (!ath__is_alnum(c) && !strchr("-._~!$&'()*+,;=:@/", c))) {
            return false;
        }
    }
    return true;
}

/* The pieces of an authority; NULL or what is wrong. */
static const char *split_authority(
    struct ath_slice authority, struct ath_slice *out_host, bool *out_is_ipv6, uint16_t *port) {
    struct ath_slice rest = authority;
    uint64_t number;
    *out_is_ipv6 = authority.len > 0 && authority.ptr[0] == '[';
    if (*out_is_ipv6) {
        *out_host = ath__slice_split(&rest, ']');
        *out_host = ath__slice(out_host->ptr + 1, out_host->len - 1);
        if (!rest.ptr || !is_ipv6(*out_host))
            return "its IPv6 address is malformed";
        if (rest.len > 0 && rest.ptr[0] != ':')
            return "something stands between its host and its path";
        if (rest.len > 0)
            rest = ath__slice(rest.ptr + 1, rest.len - 1);
        else
            rest.ptr = NULL;
    } else {
        *out_host = ath__slice_split(&rest, ':');
        if (!is_name(*out_host))
            return "its host is missing or malformed";
    }
    if (!rest.ptr)
        return NULL;
    if (rest.len > 5 || !ath__slice_to_u64(rest, &number) || number < 1 || number > 65535)
        return "its port is not within 1 and 65535";
    *port = (uint16_t)number;
    return NULL;
}

static int fill(struct ath__url *out, bool is_ipv6, struct ath__arena *arena) {
    char text[HOST_MAX + 16];
    bool is_default = out->port == (out->https ? 443 : 80);
    const char *open = is_ipv6 ? "[" : "", *close = is_ipv6 ? "]" : "";
    int len = is_default
                  ? snprintf(text, sizeof text, "%s%s%s", open, out->host, close)
                  : snprintf(text, sizeof text, "%s%s%s:%u", open, out->host, close, out->port);
    out->authority = ath__arena_copy(arena, ath__slice(text, (size_t)len));
    return out->authority ? 0 : ATH_ERR_NOMEM;
}

int ath__url_parse(
    struct ath_slice text, struct ath__arena *arena, struct ath__url *out, struct ath_error *err) {
    static const char https[] = "https://", http[] = "http://";
    *out = (struct ath__url){0};
    if (text.len > URL_MAX)
        return ath__err_set(err, ATH_ERR_CONFIG, "the URL is longer than %d bytes", URL_MAX);
    size_t scheme_len = 0;
    if (text.len > 8 && ath__slice_eq_nocase(ath__slice(text.ptr, 8), ath__slice_str(https)))
        scheme_len = 8;
    else if (text.len > 7 && ath__slice_eq_nocase(ath__slice(text.ptr, 7), ath__slice_str(http)))
        scheme_len = 7;
    else
        return ath__err_set(
            err, ATH_ERR_CONFIG, "a URL must begin with http:// or https:// and name a host");
    out->https = scheme_len == 8;
    out->port = out->https ? 443 : 80;
    struct ath_slice rest = ath__slice(text.ptr + scheme_len, text.len - scheme_len);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
        end++;
    struct ath_slice authority = ath__slice(rest.ptr, end), host;
    struct ath_slice path = ath__slice(rest.ptr + end, rest.len - end);
    bool is_ipv6;
    const char *wrong = memchr(authority.ptr, '@', authority.len)
                            ? "it must not hold a user name"
                            : split_authority(authority, &host, &is_ipv6, &out->port);
    if (!wrong && (memchr(path.ptr, '?', path.len) || memchr(path.ptr, '#', path.len)))
        wrong = "it must not hold a query or fragment";
    if (!wrong && !is_path(path))
        wrong = "its path holds characters that must be escaped";
    if (wrong)
        return ath__err_set(err, ATH_ERR_CONFIG, "the URL is malformed: %s", wrong);
    while (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    out->host = ath__arena_copy_lower(arena, host);
    out->path = ath__arena_copy(arena, path);
    return out->host && out->path && !fill(out, is_ipv6, arena) ? 0 : ath__err_nomem(err);
}
