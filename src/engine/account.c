/* What clients with the same endpoint, region and credentials share: the set of them, and keys. */
#include "engine/internal.h"

#include <stdio.h>
#include <sys/wait.h>

#define ADVISORY_S 900  /* refresh in the background from here on */
#define MANDATORY_S 600 /* calls wait for the refresh from here on */
#define RETRY_S 60      /* no second refresh sooner, while the keys still work */
#define PROCESS_TIMEOUT_S 60
#define TIMERS (ATH__API_COUNT + 2u)

enum { MAIL_KEYS = 1, MAIL_UNUSED = 2 };

static void account_run(struct ath__mailbox *mailbox, unsigned flags);
static void mailbox_keep(struct ath__mailbox *mailbox) {
    (void)mailbox; /* an account ends by its last message, so messages need no reference */
}

/* The digest of secret and token, "" without. Reserved at once, so that growing leaves no copy. */
static int digest_secrets(const struct ath__config *config, char out[65]) {
    const char *token = config->session_token ? config->session_token : "";
    struct ath__buf secret;
    out[0] = '\0';
    if (config->keys_source != ATH__KEYS_STATIC)
        return 0;
    ath__buf_init(&secret, 1u << 20);
    int rc = ath__buf_reserve(&secret, strlen(config->secret_access_key) + strlen(token) + 1);
    if (!rc)
        rc = ath__buf_add_str(&secret, config->secret_access_key);
    if (!rc)
        rc = ath__buf_add_char(&secret, '\1');
    if (!rc)
        rc = ath__buf_add_str(&secret, token);
    if (!rc)
        rc = ath__sha256_hex(ath__buf_slice(&secret), out);
    ath__buf_wipe(&secret);
    return rc;
}

/* Tells accounts apart; secrets enter as a digest. */
static int make_name(const struct ath__config *config, const char *scope, struct ath__buf *out) {
    char digest[65];
    int rc = digest_secrets(config, digest);
    char head[64];
    snprintf(head, sizeof head, "%d|%.3f|", config->keys_source, config->quota_share);
    const char *parts[] = {
        head,
        config->athena.https ? "https://" : "http://",
        config->athena.authority,
        config->athena.path,
        "|",
        config->region,
        "|",
        scope ? scope : "",
        "|",
        config->keys_source == ATH__KEYS_STATIC ? config->access_key_id : "",
        "|",
        digest,
    };
    for (size_t i = 0; !rc && i < sizeof parts / sizeof *parts; i++)
        rc = ath__buf_add_str(out, parts[i]);
    if (config->keys_source == ATH__KEYS_PROCESS)
        for (char **arg = config->process_argv; !rc && *arg; arg++) {
            rc = ath__buf_add_char(out, '\1');
            if (!rc)
                rc = ath__buf_add_str(out, *arg);
        }
    return rc ? rc : ath__buf_add_char(out, '\0');
}

static void free_keys(struct ath__account *account) {
    ath__free_secret(account->shared.access_key_id);
    ath__free_secret(account->shared.secret_access_key);
    ath__free_secret(account->shared.session_token);
    account->shared.access_key_id = NULL;
    account->shared.secret_access_key = NULL;
    account->shared.session_token = NULL;
}

static void account_free(struct ath__account *account) {
    free_keys(account);
    ath__free(account->shared.refusal);
    ath__signing_key_clear(&account->io.signing_key);
    ath__process_clear(&account->io.process);
    ath__poll_account_clear(account);
    ath__s3_buckets_clear(account);
    pthread_mutex_destroy(&account->lock);
    ath__arena_clear(&account->arena);
    ath__runtime_release(account->runtime);
    ath__free(account->name);
    ath__free(account);
}

/* Replaces the keys; with account->lock held. The old ones go only when all new ones are there. */
static int store_keys(
    struct ath__account *account,
    const char *id,
    const char *secret,
    const char *token,
    int64_t end) {
    char *new_id = ath__strdup(id), *new_secret = ath__strdup(secret);
    char *new_token = ath__strdup(token);
    if (!new_id || !new_secret || (token && !new_token)) {
        ath__free_secret(new_id);
        ath__free_secret(new_secret);
        ath__free_secret(new_token);
        return ATH_ERR_NOMEM;
    }
    free_keys(account);
    account->shared.access_key_id = new_id;
    account->shared.secret_access_key = new_secret;
    account->shared.session_token = new_token;
    account->shared.expire_at = end;
    account->shared.is_refused = false;
    account->shared.version++;
    return 0;
}

static int copy_argv(struct ath__account *account, char *const *argv) {
    size_t count = 0;
    while (argv[count])
        count++;
    account->process_argv = ath__arena_alloc(&account->arena, (count + 1) * sizeof *argv);
    if (!account->process_argv)
        return ATH_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        account->process_argv[i] = ath__arena_copy(&account->arena, ath__slice_str(argv[i]));
        if (!account->process_argv[i])
            return ATH_ERR_NOMEM;
    }
    account->process_argv[count] = NULL;
    return 0;
}

static void lane_fire(struct ath__timer *timer) {
    ath__lane_pump(ATH__CONTAINER(timer, struct ath__lane, timer));
}

static void init_lanes(struct ath__account *account, double share) {
    static const double rates[ATH__API_COUNT] = {20, 20, 100, 20, 100, 10};
    uint64_t now_ns = ath__now_ns(account->runtime);
    for (int api = 0; api < ATH__API_COUNT; api++) {
        struct ath__lane *lane = &account->io.lanes[api];
        lane->account = account;
        ath__list_init(&lane->waiting);
        lane->timer.fire = lane_fire;
        if (api == ATH__API_GET || api == ATH__API_BATCH)
            ath__bucket_init_fixed(
                &lane->bucket, rates[api] * share, 2 * rates[api] * share, now_ns);
        else
            ath__bucket_init_adaptive(&lane->bucket, rates[api] * share);
    }
    account->io.lanes[ATH__API_START].wire_max = 16;
    account->io.gate_timer.fire = ath__gate_fire;
}

static int fill_account(struct ath__account *account, const struct ath__config *config) {
    account->keys_source = config->keys_source;
    atomic_init(&account->refs, 1);
    pthread_mutex_init(&account->lock, NULL);
    account->mailbox =
        (struct ath__mailbox){.run = account_run, .retain = mailbox_keep, .release = mailbox_keep};
    ath__list_init(&account->io.keys_waiting);
    ath__list_init(&account->io.groups);
    ath__list_init(&account->io.s3_buckets);
    ath__process_init(&account->io.process);
    ath__retry_quota_init(&account->io.retry_quota);
    init_lanes(account, config->quota_share);
    if (config->keys_source == ATH__KEYS_STATIC)
        return store_keys(
            account,
            config->access_key_id,
            config->secret_access_key,
            config->session_token,
            config->keys_expire_at);
    return config->keys_source == ATH__KEYS_PROCESS ? copy_argv(account, config->process_argv) : 0;
}

static struct ath__account *find(const struct ath__runtime *runtime, const char *name) {
    struct ath__node *head = ath__global_accounts();
    for (struct ath__node *node = head->next; node != head; node = node->next) {
        struct ath__account *account = ATH__CONTAINER(node, struct ath__account, node);
        if (account->runtime == runtime && strcmp(account->name, name) == 0)
            return account;
    }
    return NULL;
}

static int new_account(
    struct ath__runtime *runtime,
    const struct ath__config *config,
    char *name,
    struct ath__account **out_account) {
    struct ath__account *account = ath__alloc_zero(sizeof *account);
    if (!account) {
        ath__free(name);
        return ATH_ERR_NOMEM;
    }
    account->name = name;
    account->runtime = runtime;
    ath__runtime_retain(runtime);
    int rc = fill_account(account, config);
    if (rc)
        account_free(account);
    else
        *out_account = account;
    return rc;
}

int ath__account_get(
    struct ath__runtime *runtime,
    const struct ath__config *config,
    const char *scope,
    struct ath__account **out_account,
    struct ath_error *err) {
    struct ath__buf name;
    ath__buf_init(&name, 1u << 20);
    int rc = make_name(config, scope, &name);
    if (!rc) {
        struct ath__account *account = find(runtime, name.ptr);
        if (account) {
            atomic_fetch_add_explicit(&account->refs, 1, memory_order_relaxed);
            *out_account = account;
        } else {
            char *own_name = ath__strdup(name.ptr);
            rc = own_name ? new_account(runtime, config, own_name, out_account) : ATH_ERR_NOMEM;
            if (!rc)
                ath__list_add(ath__global_accounts(), &(*out_account)->node);
        }
    }
    ath__buf_clear(&name);
    return rc ? ath__err_set(err, rc, "%s", ath_error_text(rc)) : 0;
}

void ath__account_release(struct ath__account *account) {
    if (!account || account->runtime->generation != ath__generation())
        return;
    ath__global_lock();
    bool last = atomic_fetch_sub_explicit(&account->refs, 1, memory_order_acq_rel) == 1;
    if (last)
        ath__list_remove(&account->node);
    ath__global_unlock();
    if (last && !ath__mailbox_post(account->runtime, &account->mailbox, MAIL_UNUSED))
        account_free(account);
}

int64_t ath__account_now_s(const struct ath__account *account) {
    return account->runtime->http->ops->wall_ms(account->runtime->http) / 1000;
}

int64_t ath__account_server_s(const struct ath__account *account) {
    return ath__account_now_s(account) +
           atomic_load_explicit(&account->skew_s, memory_order_relaxed);
}

bool ath__account_keys_stale(struct ath__account *account, int64_t now_s, int64_t margin_s) {
    if (account->keys_source == ATH__KEYS_UNSIGNED)
        return false;
    pthread_mutex_lock(&account->lock);
    bool stale = !account->shared.access_key_id || account->shared.is_refused ||
                 (account->shared.expire_at && account->shared.expire_at - margin_s <= now_s);
    pthread_mutex_unlock(&account->lock);
    return stale;
}

int ath__account_set_keys(
    struct ath__account *account,
    const char *access_key_id,
    const char *secret_access_key,
    const char *session_token,
    int64_t expire_at,
    const char *reason) {
    int rc = 0;
    pthread_mutex_lock(&account->lock);
    ath__free(account->shared.refusal);
    account->shared.refusal = NULL;
    if (access_key_id) {
        rc = store_keys(account, access_key_id, secret_access_key, session_token, expire_at);
    } else {
        account->shared.refusal = ath__strdup(reason ? reason : "the program has no credentials");
        rc = account->shared.refusal ? 0 : ATH_ERR_NOMEM;
    }
    pthread_mutex_unlock(&account->lock);
    ath__mailbox_post(account->runtime, &account->mailbox, MAIL_KEYS);
    return rc;
}

/* -- I/O thread
 * ------------------------------------------------------------------------------------ */

int ath__account_prepare(struct ath__account *account) {
    if (account->io.is_ready)
        return 0;
    int rc = ath__timers_reserve(account->runtime, TIMERS);
    account->io.is_ready = rc == 0;
    return rc;
}

static void end_account(struct ath__account *account) {
    struct ath__runtime *runtime = account->runtime;
    if (account->io.process_runs)
        runtime->http->ops->kill(runtime->http, &account->io.process);
    for (int api = 0; api < ATH__API_COUNT; api++)
        ath__timer_stop(runtime, &account->io.lanes[api].timer);
    ath__timer_stop(runtime, &account->io.gate_timer);
    ath__s3_buckets_stop(account);
    ath__timer_stop(runtime, &account->io.poll_timer);
    if (account->io.is_ready)
        ath__timers_unreserve(runtime, TIMERS);
    account_free(account);
}

/* Everyone who waits for keys goes on, or fails with `err`. */
static void wake_waiting(struct ath__account *account, const struct ath_error *err) {
    struct ath__node *node;
    while ((node = ath__list_pop(&account->io.keys_waiting))) {
        struct ath__call *call = ATH__CONTAINER(node, struct ath__call, io.node);
        if (err)
            ath__call_fail(call, err);
        else
            ath__call_keys_ready(call);
    }
}

static void keys_arrived(struct ath__account *account) {
    struct ath_error err = {0};
    pthread_mutex_lock(&account->lock);
    if (account->shared.refusal)
        ath__err_set(&err, ATH_ERR_CREDENTIALS, "%s", account->shared.refusal);
    ath__free(account->shared.refusal);
    account->shared.refusal = NULL;
    pthread_mutex_unlock(&account->lock);
    if (!err.code && ath__account_keys_stale(account, ath__account_now_s(account), 0))
        ath__err_set(
            &err, ATH_ERR_CREDENTIALS, "the program gave credentials that have already expired");
    wake_waiting(account, err.code ? &err : NULL);
}

static void account_run(struct ath__mailbox *mailbox, unsigned flags) {
    struct ath__account *account = ATH__CONTAINER(mailbox, struct ath__account, mailbox);
    if (flags & MAIL_UNUSED)
        end_account(account);
    else if (flags & MAIL_KEYS)
        keys_arrived(account);
}

static void start_process(struct ath__account *account) {
    if (account->io.process_runs)
        return;
    struct ath__runtime *runtime = account->runtime;
    ath__process_clear(&account->io.process);
    ath__process_init(&account->io.process);
    account->io.process.argv = account->process_argv;
    account->io.process.output_max = 65536;
    account->io.process.deadline_ns = ath__now_ns(runtime) + PROCESS_TIMEOUT_S * ATH__SECOND;
    account->io.process.owner = account;
    account->io.process_runs = true;
    runtime->http->ops->spawn(runtime->http, &account->io.process);
}

void ath__account_await_keys(struct ath__account *account, struct ath__call *call) {
    int64_t now_s = ath__account_now_s(account);
    bool expired = ath__account_keys_stale(account, now_s, 0);
    bool refreshes = account->keys_source == ATH__KEYS_PROCESS;
    bool may_retry = now_s >= account->io.keys_retry_at;
    if (refreshes && (expired || may_retry) && ath__account_keys_stale(account, now_s, ADVISORY_S))
        start_process(account);
    bool must_wait = expired || (refreshes && account->io.process_runs &&
                                 ath__account_keys_stale(account, now_s, MANDATORY_S));
    if (!must_wait || account->keys_source == ATH__KEYS_STATIC) {
        ath__call_keys_ready(call);
        return;
    }
    ath__list_add(&account->io.keys_waiting, &call->io.node);
    ath__account_ask_for_keys(account, call);
}

void ath__account_ask_for_keys(struct ath__account *account, struct ath__call *call) {
    if (account->keys_source == ATH__KEYS_EXTERNAL && call->op)
        ath__op_emit(call->op, ATH_EVENT_CREDENTIALS, NULL);
}

void ath__account_keys_expired(struct ath__account *account, uint64_t version) {
    pthread_mutex_lock(&account->lock);
    if (account->shared.version == version)
        account->shared.is_refused = true;
    pthread_mutex_unlock(&account->lock);
}

static int read_process(struct ath__account *account, struct ath_error *err) {
    const struct ath__process *process = &account->io.process;
    struct ath__process_keys keys;
    const char *program = account->process_argv[0];
    if (process->result)
        return ath__err_set(
            err,
            ATH_ERR_CREDENTIALS,
            "credential_process '%s' %s",
            program,
            process->result == ATH_ERR_TIMEOUT     ? "did not answer within 60 seconds"
            : process->result == ATH_ERR_TOO_LARGE ? "printed more than 64 KiB"
                                                   : "could not be started");
    if (process->exit_status != 0)
        return ath__err_set(
            err,
            ATH_ERR_CREDENTIALS,
            "credential_process '%s' %s %d: %.*s",
            program,
            WIFSIGNALED(process->exit_status) ? "was ended by signal" : "failed with status",
            WIFSIGNALED(process->exit_status) ? WTERMSIG(process->exit_status)
                                              : WEXITSTATUS(process->exit_status),
            (int)process->errors.len,
            process->errors.len ? process->errors.ptr : "");
    struct ath__arena arena = {0};
    int rc = ath__process_keys_parse(ath__buf_slice(&process->output), &arena, &keys, err);
    if (!rc) {
        pthread_mutex_lock(&account->lock);
        rc = store_keys(
            account,
            keys.access_key_id,
            keys.secret_access_key,
            keys.session_token,
            keys.expire_at);
        pthread_mutex_unlock(&account->lock);
        if (rc)
            ath__err_nomem(err);
    }
    ath__arena_clear(&arena);
    return rc;
}

void ath__account_process_done(struct ath__account *account) {
    struct ath_error err = {0};
    account->io.process_runs = false;
    account->io.keys_retry_at = ath__account_now_s(account) + RETRY_S;
    int rc = read_process(account, &err);
    ath__process_clear(&account->io.process);
    ath__process_init(&account->io.process);
    if (rc) /* what it printed is for the caller alone */
        ATH__LOG(
            ATH_LOG_WARNING,
            "credentials",
            "credential_process '%s' gave no keys",
            account->process_argv[0]);
    bool usable = !ath__account_keys_stale(account, ath__account_now_s(account), 0);
    if (!rc && !usable)
        ath__err_set(
            &err, ATH_ERR_CREDENTIALS, "credential_process gave keys that have already expired");
    wake_waiting(account, usable ? NULL : &err);
}

int ath__account_sign(
    struct ath__account *account,
    struct ath__request *request,
    const struct ath__signing *signing,
    struct ath__arena *arena,
    uint64_t *out_version,
    struct ath_error *err) {
    if (account->keys_source == ATH__KEYS_UNSIGNED)
        return 0;
    pthread_mutex_lock(&account->lock);
    *out_version = account->shared.version;
    struct ath__keys keys = {
        ath__slice_str(account->shared.access_key_id),
        ath__slice_str(account->shared.secret_access_key),
        ath__slice_str(account->shared.session_token),
    };
    int rc = ath__sigv4_sign(
        request,
        &keys,
        signing->region,
        signing->service,
        ath__account_server_s(account),
        signing->single_encode,
        signing->payload_hash,
        signing->key,
        arena,
        err);
    pthread_mutex_unlock(&account->lock);
    return rc;
}
