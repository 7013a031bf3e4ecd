/* pyathena._core.Client: struct ath_client. */
#ifndef CORE_CLIENT_H
#define CORE_CLIENT_H

#include "state.h"

extern PyType_Spec core_client_spec;

#endif
