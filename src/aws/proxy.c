#include "aws/proxy.h"

static bool is_metadata_host(struct ath_slice host) {
    static const char *const hosts[] = {
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (ath__slice_eq_nocase(host, ath__slice_str(hosts[i])))
            return true;
    return false;
}

static struct ath_slice without_brackets(struct ath_slice host) {
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        return ath__slice(host.ptr + 1, host.len - 2);
    return host;
}

static bool covers(struct ath_slice entry, struct ath_slice host) {
    entry = without_brackets(ath__slice_trim(entry));
    if (ath__slice_is(entry, "*"))
        return true;
    if (entry.len > 0 && entry.ptr[0] == '.')
        entry = ath__slice(entry.ptr + 1, entry.len - 1);
    if (entry.len == 0 || entry.len > host.len)
        return false;
    size_t before = host.len - entry.len;
    return ath__slice_eq_nocase(ath__slice(host.ptr + before, entry.len), entry) &&
           (before == 0 || host.ptr[before - 1] == '.');
}

bool ath__no_proxy_covers(const char *no_proxy, const char *host) {
    struct ath_slice name = without_brackets(ath__slice_str(host));
    if (is_metadata_host(name))
        return true;
    struct ath_slice rest = ath__slice_str(no_proxy);
    while (rest.len > 0)
        if (covers(ath__slice_split(&rest, ','), name))
            return true;
    return false;
}

bool ath__proxy_is_valid(const char *proxy) {
    const char *host = proxy;
    for (const char *p = proxy; *p; p++)
        if (*p <= ' ' || *p == 0x7f)
            return false;
    const char *mark = strstr(proxy, "://");
    if (mark) {
        struct ath_slice scheme = ath__slice(proxy, (size_t)(mark - proxy));
        if (!ath__slice_eq_nocase(scheme, ATH__SLICE_LIT("http")) &&
            !ath__slice_eq_nocase(scheme, ATH__SLICE_LIT("https")))
            return false;
        host = mark + 3;
    }
    const char *user_end = strrchr(host, '@');
    if (user_end)
        host = user_end + 1;
    return *host && *host != '/' && *host != ':';
}
