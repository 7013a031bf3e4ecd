/* An environment and a home directory for one test. */
#ifndef TESTS_UNIT_AWS_ENV_H
#define TESTS_UNIT_AWS_ENV_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing.h"

#define ENV_MAX 16

struct env {
    const char *names[ENV_MAX];
    const char *values[ENV_MAX];
    size_t count;
    char home[64];
};

static inline const char *env_get(const char *name, void *user) {
    const struct env *env = user;
    for (size_t i = env->count; i-- > 0;)
        if (strcmp(env->names[i], name) == 0)
            return env->values[i];
    return NULL;
}

/* The last of equal names counts; NULL unsets. */
static inline void env_set(struct env *env, const char *name, const char *value) {
    assert_true(env->count < ENV_MAX);
    env->names[env->count] = name;
    env->values[env->count++] = value;
}

static inline void env_init(struct env *env) {
    char path[80];
    *env = (struct env){.count = 0};
    strcpy(env->home, "/tmp/athena-test-XXXXXX");
    assert_non_null(mkdtemp(env->home));
    snprintf(path, sizeof path, "%s/.aws", env->home);
    assert_int_equal(mkdir(path, 0700), 0);
    env_set(env, "HOME", env->home);
}

static inline void env_path(const struct env *env, const char *name, char out[128]) {
    snprintf(out, 128, "%s/.aws/%s", env->home, name);
}

static inline void env_write(const struct env *env, const char *name, const char *text) {
    char path[128];
    env_path(env, name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static inline void env_clear(struct env *env) {
    static const char *const names[] = {"config", "credentials", "other", "ca.pem"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        env_path(env, names[i], path);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/.aws", env->home);
    rmdir(path);
    rmdir(env->home);
}

#endif
