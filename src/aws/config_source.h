/* Where settings come from: the options, the environment, the profile files. */
#ifndef ATH_AWS_CONFIG_SOURCE_H
#define ATH_AWS_CONFIG_SOURCE_H

#include "aws/config.h"
#include "aws/profile.h"

struct ath__config_source {
    const struct ath_client_options *options;
    ath__getenv_fn *getenv_fn;
    void *user;
    struct ath__arena arena; /* what was read, secrets among it; gone once the config is made */
    struct ath__profile_file config, credentials;
    const char *config_path, *credentials_path; /* NULL: no home directory */
    const char *profile;                        /* the name looked up */
    bool profile_is_explicit;                   /* named by the options */
    bool profile_exists;
};

/* Reads both files and finds the profile. Errors: CONFIG, NOMEM. Clear it also after an error. */
int ath__source_init(
    struct ath__config_source *source,
    const struct ath_client_options *options,
    ath__getenv_fn *getenv_fn,
    void *user,
    struct ath_error *err);
void ath__source_clear(struct ath__config_source *source);

/* NULL when the variable is not set or empty. */
const char *ath__source_env(const struct ath__config_source *source, const char *name);

/* An entry's value; NULL when there is no entry or it is empty. CONFIG when it goes over several
 * lines, which names the file `path`. */
int ath__source_entry_value(
    const struct ath__profile_entry *entry,
    const char *path,
    const char **out_value,
    struct ath_error *err);

/* The profile's value: the credentials file's before the config file's. NULL when there is none or
 * it is empty. CONFIG when it goes over several lines. */
int ath__source_value(
    const struct ath__config_source *source,
    const char *key,
    const char **out_value,
    struct ath_error *err);

/* The variable, else the profile's value. */
int ath__source_setting(
    const struct ath__config_source *source,
    const char *variable,
    const char *key,
    const char **out_value,
    struct ath_error *err);

/* true or false in any case; CONFIG on anything else. False when not set. */
int ath__source_bool(
    const struct ath__config_source *source,
    const char *variable,
    const char *key,
    bool *out_value,
    struct ath_error *err);

#endif
