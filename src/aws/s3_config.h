/* S3's own settings. */
#ifndef ATH_AWS_S3_CONFIG_H
#define ATH_AWS_S3_CONFIG_H

#include "aws/config_source.h"

/* Fills the s3_* members; `out->s3` is known. Errors: INVALID (options), CONFIG. */
int ath__s3_config_load(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err);

#endif
