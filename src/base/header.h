/* One HTTP header field, as both the signer and the transport see it. */
#ifndef ATH_BASE_HEADER_H
#define ATH_BASE_HEADER_H

#include "base/slice.h"

struct ath__header {
    struct ath_slice name; /* as it goes on the wire */
    struct ath_slice value;
};

#endif
