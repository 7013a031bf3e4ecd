/* Host names of AWS's regions. */
#ifndef ATH_AWS_ENDPOINT_H
#define ATH_AWS_ENDPOINT_H

#include "base/slice.h"

/* True for what can stand in a host name: letters, digits and '-', at most 63. */
bool ath__region_is_valid(const char *region);

/* "amazonaws.com" or what the region's partition has; regions that no pattern knows are taken as
 * the commercial partition's. */
const char *ath__region_suffix(const char *region, bool use_dualstack);

/* "athena.us-east-1.amazonaws.com"; `service` with "-fips" when asked for. */
void ath__region_host(
    const char *service, const char *region, bool use_fips, bool use_dualstack, char out[256]);

#endif
