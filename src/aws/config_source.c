#include "aws/config_source.h"

#include "base/alloc.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

const char *ath__source_env(const struct ath__config_source *source, const char *name) {
    const char *value = source->getenv_fn(name, source->user);
    return value && *value ? value : NULL;
}

/* -- files ------------------------------------------------------------------------------------- */

/* Without HOME, as in some service managers, the user database is asked. */
static const char *find_home(struct ath__config_source *source) {
    const char *home = ath__source_env(source, "HOME");
    if (home)
        return home;
    struct passwd record, *found = NULL;
    char text[4096];
    if (getpwuid_r(getuid(), &record, text, sizeof text, &found) || !found || !found->pw_dir)
        return NULL;
    return ath__arena_copy(&source->arena, ath__slice_str(found->pw_dir));
}

static int join_path(
    struct ath__config_source *source, const char *home, const char *rest, const char **out_path) {
    size_t home_len = strlen(home), rest_len = strlen(rest);
    char *path = ath__arena_alloc(&source->arena, home_len + rest_len + 1);
    if (!path)
        return ATH_ERR_NOMEM;
    memcpy(path, home, home_len);
    memcpy(path + home_len, rest, rest_len + 1);
    *out_path = path;
    return 0;
}

/* The variable's path with '~' expanded, else the default below the home directory. */
static int find_path(
    struct ath__config_source *source,
    const char *variable,
    const char *standard,
    const char **out_path) {
    const char *path = ath__source_env(source, variable);
    *out_path = path;
    if (path && (path[0] != '~' || (path[1] != '\0' && path[1] != '/')))
        return 0;
    const char *home = find_home(source);
    *out_path = NULL;
    return home ? join_path(source, home, path ? path + 1 : standard, out_path) : 0;
}

static int refuse_file(const char *path, int number, struct ath_error *err) {
    return ath__err_set(err, ATH_ERR_CONFIG, "%s cannot be read: %s", path, strerror(number));
}

/* Opens a file that may be missing (then *out_fd is -1). A file nobody named may be unreadable too.
 */
static int open_file(const char *path, bool is_named, int *out_fd, struct ath_error *err) {
    struct stat info;
    *out_fd = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        bool is_missing = errno == ENOENT || errno == ENOTDIR || (errno == EACCES && !is_named);
        return is_missing ? 0 : refuse_file(path, errno, err);
    }
    if (fstat(fd, &info) || (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode))) {
        close(fd);
        return ath__err_set(err, ATH_ERR_CONFIG, "%s is no regular file", path);
    }
    *out_fd = fd;
    return 0;
}

/* Up to `cap` bytes; more is noticed by a full buffer. -1 with errno. */
static ssize_t read_all(int fd, char *data, size_t cap) {
    size_t len = 0;
    while (len < cap) {
        ssize_t count = read(fd, data + len, cap - len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        len += (size_t)count;
    }
    return (ssize_t)len;
}

static int read_file(
    struct ath__config_source *source,
    const char *path,
    bool is_named,
    bool has_kinds,
    struct ath__profile_file *out,
    struct ath_error *err) {
    size_t cap = ATH__PROFILE_FILE_MAX + 1;
    int fd, rc = path ? open_file(path, is_named, &fd, err) : 0;
    if (rc || !path || fd < 0)
        return rc;
    char *data = ath__alloc(cap);
    if (!data) {
        close(fd);
        return ath__err_nomem(err);
    }
    ssize_t len = read_all(fd, data, cap);
    int number = errno;
    close(fd);
    if (len < 0)
        rc = refuse_file(path, number, err);
    else
        rc = ath__profile_parse(
            ath__slice(data, (size_t)len), path, has_kinds, &source->arena, out, err);
    ath__wipe(data, len > 0 ? (size_t)len : 0);
    ath__free(data);
    return rc;
}

/* -- profile ----------------------------------------------------------------------------------- */

/* The config file spells all but the default one [profile x]. */
static bool has_config_section(const struct ath__config_source *s, const char **out_kind) {
    *out_kind = "profile";
    if (ath__profile_has(&s->config, "profile", s->profile))
        return true;
    *out_kind = "";
    return strcmp(s->profile, "default") == 0 && ath__profile_has(&s->config, "", "default");
}

static int find_profile(struct ath__config_source *s, struct ath_error *err) {
    const char *kind, *name = s->options->profile;
    s->profile_is_explicit = name && *name;
    if (!s->profile_is_explicit)
        name = ath__source_env(s, "AWS_DEFAULT_PROFILE");
    if (!name)
        name = ath__source_env(s, "AWS_PROFILE");
    s->profile = name ? name : "default";
    s->profile_exists =
        has_config_section(s, &kind) || ath__profile_has(&s->credentials, "", s->profile);
    if (s->profile_exists || !name)
        return 0;
    return ath__err_set(
        err,
        ATH_ERR_CONFIG,
        "profile '%s' is neither in %s nor in %s",
        name,
        s->config_path ? s->config_path : "~/.aws/config",
        s->credentials_path ? s->credentials_path : "~/.aws/credentials");
}

int ath__source_init(
    struct ath__config_source *source,
    const struct ath_client_options *options,
    ath__getenv_fn *getenv_fn,
    void *user,
    struct ath_error *err) {
    *source = (struct ath__config_source){.options = options, .getenv_fn = getenv_fn, .user = user};
    if (find_path(source, "AWS_CONFIG_FILE", "/.aws/config", &source->config_path) ||
        find_path(
            source, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials", &source->credentials_path))
        return ath__err_nomem(err);
    int rc = read_file(
        source,
        source->config_path,
        ath__source_env(source, "AWS_CONFIG_FILE") != NULL,
        true,
        &source->config,
        err);
    if (!rc)
        rc = read_file(
            source,
            source->credentials_path,
            ath__source_env(source, "AWS_SHARED_CREDENTIALS_FILE") != NULL,
            false,
            &source->credentials,
            err);
    return rc ? rc : find_profile(source, err);
}

void ath__source_clear(struct ath__config_source *source) {
    ath__arena_clear(&source->arena);
}

int ath__source_entry_value(
    const struct ath__profile_entry *entry,
    const char *path,
    const char **out_value,
    struct ath_error *err) {
    *out_value = entry && *entry->value ? entry->value : NULL;
    if (!entry || !entry->is_continued)
        return 0;
    return ath__err_set(
        err,
        ATH_ERR_CONFIG,
        "%s, line %u: the value of %s goes over several lines",
        path,
        entry->line,
        entry->key);
}

int ath__source_value(
    const struct ath__config_source *source,
    const char *key,
    const char **out_value,
    struct ath_error *err) {
    const char *kind, *path = source->credentials_path;
    const struct ath__profile_entry *entry =
        ath__profile_find(&source->credentials, "", source->profile, "", key);
    if (!entry && has_config_section(source, &kind)) {
        entry = ath__profile_find(&source->config, kind, source->profile, "", key);
        path = source->config_path;
    }
    return ath__source_entry_value(entry, path, out_value, err);
}

int ath__source_setting(
    const struct ath__config_source *source,
    const char *variable,
    const char *key,
    const char **out_value,
    struct ath_error *err) {
    *out_value = ath__source_env(source, variable);
    return *out_value ? 0 : ath__source_value(source, key, out_value, err);
}

int ath__source_bool(
    const struct ath__config_source *source,
    const char *variable,
    const char *key,
    bool *out_value,
    struct ath_error *err) {
    const char *text;
    *out_value = false;
    int rc = ath__source_setting(source, variable, key, &text, err);
    if (rc || !text)
        return rc;
    *out_value = ath__slice_eq_nocase(ath__slice_str(text), ATH__SLICE_LIT("true"));
    if (*out_value || ath__slice_eq_nocase(ath__slice_str(text), ATH__SLICE_LIT("false")))
        return 0;
    return ath__err_set(err, ATH_ERR_CONFIG, "%s (or %s) must be true or false", variable, key);
}
