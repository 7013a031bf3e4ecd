#include "aws/endpoint.h"

#include "base/ascii.h"

#include <stdio.h>

bool ath__region_is_valid(const char *region) {
    size_t len = strlen(region);
    if (len < 1 || len > 63 || region[0] == '-' || region[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = region[i];
        if (!ath__is_alnum(c) && c != '-')
            return false;
    }
    return true;
}

const char *ath__region_suffix(const char *region, bool use_dualstack) {
    static const struct {
        const char *prefix, *suffix, *dualstack;
    } partitions[] = {
        {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
        {"us-gov-", "amazonaws.com", "api.aws"},
        {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
        {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
        {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
        {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
        {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
        {"", "amazonaws.com", "api.aws"},
    };
    size_t i = 0;
    while (!ath__slice_starts(ath__slice_str(region), partitions[i].prefix))
        i++;
    return use_dualstack ? partitions[i].dualstack : partitions[i].suffix;
}

void ath__region_host(
    const char *service, const char *region, bool use_fips, bool use_dualstack, char out[256]) {
    snprintf(
        out,
        256,
        "%s%s.%s.%s",
        service,
        use_fips ? "-fips" : "",
        region,
        ath__region_suffix(region, use_dualstack));
}
