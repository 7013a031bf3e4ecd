/* Which credentials to sign with: the order of botocore's chain, for the sources built here. */
#ifndef ATH_AWS_KEYS_CHAIN_H
#define ATH_AWS_KEYS_CHAIN_H

#include "aws/config_source.h"

/* Fills the keys_* members, access_key_id, secret_access_key, session_token and process_argv.
 * Errors: INVALID (options), CREDENTIALS (none, half a pair, a source this version cannot read),
 * CONFIG, NOMEM. */
int ath__keys_find(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err);

#endif
