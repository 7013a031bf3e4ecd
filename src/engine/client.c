/* Clients: configuration, binding to the process's runtime, counters. */
#include "engine/internal.h"

#include <stdio.h>

#define SHOW_MAX 400

int ath__options_copy(const void *given, size_t known, void *out, struct ath_error *err) {
    size_t size = 0;
    memset(out, 0, known);
    if (!given)
        return 0;
    memcpy(&size, given, sizeof size); /* the first member of all option structures */
    if (size < sizeof size)
        return ath__err_set(err, ATH_ERR_INVALID, "options: begin with their ATH_..._OPTIONS_INIT");
    const char *bytes = given;
    for (size_t i = known; i < size; i++) /* a program of newer headers */
        if (bytes[i])
            return ath__err_set(
                err,
                ATH_ERR_INVALID,
                "options: one is set that this library (%s) is too old to know",
                ath_version());
    memcpy(out, given, size < known ? size : known);
    return 0;
}

struct ath__http_route ath__route_of(
    const struct ath__config *config,
    bool https,
    const char *host,
    uint16_t port,
    const char *proxy) {
    return (struct ath__http_route){
        .https = https,
        .host = host,
        .port = port,
        .proxy = proxy,
        .ca_file = config->ca_file,
        .verify_off = config->tls_verify_off,
        .client_cert = config->client_cert,
        .client_key = config->client_key,
        .connect_timeout_ms = config->connect_timeout_ms,
        .read_timeout_ms = config->read_timeout_ms,
        .host_max = config->host_max,
    };
}

static char *endpoint_text(const struct ath__url *url) {
    char text[SHOW_MAX];
    snprintf(
        text, sizeof text, "%s://%s%s", url->https ? "https" : "http", url->authority, url->path);
    return ath__strdup(text);
}

/* A scope of its own for a client that shares none; a number that never comes back. */
static char *own_scope(const struct ath_client *client, const char *given) {
    static atomic_uint_fast64_t next;
    char text[40];
    if (given)
        return ath__strdup(given);
    if (client->config.keys_source != ATH__KEYS_EXTERNAL)
        return ath__strdup("");
    snprintf(text, sizeof text, "\1%llu", (unsigned long long)atomic_fetch_add(&next, 1));
    return ath__strdup(text);
}

static void client_free(struct ath_client *client) {
    ath__config_clear(&client->config);
    ath__free(client->scope);
    ath__free(client->endpoint);
    ath__free(client);
}

int ath_client_new(
    const struct ath_client_options *given, struct ath_client **out_client, struct ath_error *err) {
    struct ath_client_options options;
    struct ath__account *account;
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (rc)
        return rc;
    struct ath_client *client = ath__alloc_zero(sizeof *client);
    if (!client)
        return ath__err_nomem(err);
    atomic_init(&client->refs, 1);
    rc = ath__config_load(&options, NULL, NULL, &client->config, err);
    if (!rc) {
        const struct ath__config *config = &client->config;
        client->route = ath__route_of(
            config,
            config->athena.https,
            config->athena.host,
            config->athena.port,
            config->athena_proxy);
        client->scope = own_scope(client, options.credentials_scope);
        client->endpoint = endpoint_text(&client->config.athena);
        if (!client->scope || !client->endpoint)
            rc = ath__err_nomem(err);
    }
    if (!rc)
        rc = ath__client_bind(client, &account, err);
    if (rc) {
        client_free(client);
        return rc;
    }
    ath__account_release(account);
    *out_client = client;
    return 0;
}

int ath__client_bind(
    struct ath_client *client, struct ath__account **out_account, struct ath_error *err) {
    struct ath__runtime *runtime;
    struct ath__account *old = NULL;
    int rc = ath__runtime_get(&runtime, err);
    if (rc)
        return rc;
    ath__global_lock();
    struct ath__account *account = client->bound.account;
    if (!account || client->bound.generation != runtime->generation ||
        account->runtime != runtime) {
        rc = ath__account_get(runtime, &client->config, client->scope, &account, err);
        if (!rc) {
            if (client->bound.generation == runtime->generation)
                old = client->bound.account;
            client->bound.account = account;
            client->bound.generation = runtime->generation;
        }
    }
    if (!rc) {
        atomic_fetch_add_explicit(&account->refs, 1, memory_order_relaxed);
        *out_account = account;
    }
    ath__global_unlock();
    ath__account_release(old);
    ath__runtime_release(runtime);
    return rc;
}

struct ath_client *ath_client_retain(struct ath_client *client) {
    atomic_fetch_add_explicit(&client->refs, 1, memory_order_relaxed);
    return client;
}

struct ath_client *ath_client_release(struct ath_client *client) {
    if (!client || atomic_fetch_sub_explicit(&client->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    if (client->bound.generation == ath__generation())
        ath__account_release(client->bound.account);
    client_free(client);
    return NULL;
}

int ath_client_credentials_set(
    struct ath_client *client,
    const char *access_key_id,
    const char *secret_access_key,
    const char *session_token,
    int64_t expires_at,
    const char *reason,
    struct ath_error *err) {
    struct ath__account *account;
    if (client->config.keys_source != ATH__KEYS_EXTERNAL)
        return ath__err_set(
            err, ATH_ERR_STATE, "credentials_set: this client finds its credentials itself");
    if (access_key_id && (!*access_key_id || !secret_access_key || !*secret_access_key))
        return ath__err_set(
            err,
            ATH_ERR_INVALID,
            "credentials_set: access_key_id and secret_access_key go together");
    int rc = ath__client_bind(client, &account, err);
    if (rc)
        return rc;
    rc = ath__account_set_keys(
        account, access_key_id, secret_access_key, session_token, expires_at, reason);
    ath__account_release(account);
    return rc ? ath__err_nomem(err) : 0;
}

bool ath_client_credentials_wanted(const struct ath_client *client) {
    struct ath__account *account;
    if (client->config.keys_source != ATH__KEYS_EXTERNAL ||
        ath__client_bind((struct ath_client *)(uintptr_t)client, &account, NULL))
        return false;
    bool wanted = ath__account_keys_stale(account, ath__account_now_s(account), 900);
    ath__account_release(account);
    return wanted;
}

static int copy_secret(char *out, size_t size, const char *text) {
    size_t len = text ? strlen(text) : 0;
    if (len >= size)
        return ATH_ERR_TOO_LARGE;
    if (len)
        memcpy(out, text, len);
    out[len] = '\0';
    return 0;
}

int ath_client_credentials(
    const struct ath_client *client, struct ath_credentials *out, struct ath_error *err) {
    struct ath__account *account;
    int rc = ath__client_bind((struct ath_client *)(uintptr_t)client, &account, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&account->lock);
    rc = copy_secret(out->access_key_id, sizeof out->access_key_id, account->shared.access_key_id);
    if (!rc)
        rc = copy_secret(
            out->secret_access_key,
            sizeof out->secret_access_key,
            account->shared.secret_access_key);
    if (!rc)
        rc = copy_secret(
            out->session_token, sizeof out->session_token, account->shared.session_token);
    out->expires_at = account->shared.expire_at;
    pthread_mutex_unlock(&account->lock);
    ath__account_release(account);
    return rc ? ath__err_set(err, rc, "credentials: a key is longer than its buffer") : 0;
}

const char *ath_client_region(const struct ath_client *client) {
    return client->config.region;
}

const char *ath_client_endpoint(const struct ath_client *client) {
    return client->endpoint;
}

const char *ath_client_profile(const struct ath_client *client) {
    return client->config.profile;
}

static uint64_t connections_opened(const struct ath_client *client) {
    struct ath__account *account = NULL;
    ath__global_lock();
    if (client->bound.generation == ath__generation() && client->bound.account) {
        account = client->bound.account;
        atomic_fetch_add_explicit(&account->refs, 1, memory_order_relaxed);
    }
    ath__global_unlock();
    if (!account)
        return 0;
    struct ath__runtime *runtime = account->runtime;
    pthread_mutex_lock(&runtime->lock);
    uint64_t count =
        runtime->shared.exited ? 0 : runtime->http->ops->connections_opened(runtime->http);
    pthread_mutex_unlock(&runtime->lock);
    ath__account_release(account);
    return count;
}

void ath_client_stats(const struct ath_client *client, struct ath_client_stats *out_stats) {
    struct ath_client *c = (struct ath_client *)(uintptr_t)client;
#define READ(name) atomic_load_explicit(&c->stats.name, memory_order_relaxed)
    struct ath_client_stats stats = {
        .size = sizeof stats,
        .queries_started = READ(queries_started),
        .queries_finished = READ(queries_finished),
        .queries_in_flight = READ(queries_in_flight),
        .calls = READ(calls),
        .calls_start = READ(by_api[ATH__API_START]),
        .calls_get = READ(by_api[ATH__API_GET]),
        .calls_batch = READ(by_api[ATH__API_BATCH]),
        .calls_results = READ(by_api[ATH__API_RESULTS]),
        .calls_stop = READ(by_api[ATH__API_STOP]),
        .looks = READ(looks),
        .refusals = READ(refusals),
        .retries = READ(retries),
        .bytes_sent = READ(bytes_sent),
        .bytes_received = READ(bytes_received),
        .rows = READ(rows),
        .connections_opened = connections_opened(client),
    };
#undef READ
    size_t size =
        out_stats->size && out_stats->size < sizeof stats ? out_stats->size : sizeof stats;
    stats.size = size;
    memcpy(out_stats, &stats, size);
}
