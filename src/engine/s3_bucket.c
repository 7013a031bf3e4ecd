/* Buckets: the region that redirects taught, the pace that SlowDown asks for. */
#include "engine/s3_internal.h"

#define BUCKETS_MAX 256 /* idle ones beyond are forgotten, the oldest first */
#define RATE_AFTER_REFUSAL 500.0

static void lane_fire(struct ath__timer *timer) {
    ath__lane_pump(ATH__CONTAINER(timer, struct ath__lane, timer));
}

static struct ath__s3_bucket *bucket_of(struct ath__node *node) {
    return ATH__CONTAINER(node, struct ath__s3_bucket, node);
}

static bool
is_named(const struct ath__s3_bucket *bucket, const struct ath__config *config, const char *name) {
    const char *endpoint = config->s3.host ? config->s3.authority : "";
    size_t len = strlen(endpoint);
    return strncmp(bucket->name, endpoint, len) == 0 && bucket->name[len] == '|' &&
           strcmp(bucket->name + len + 1, name) == 0;
}

static struct ath__s3_bucket *
find(struct ath__account *account, const struct ath__config *config, const char *name) {
    struct ath__node *head = &account->io.s3_buckets;
    for (struct ath__node *node = head->prev; node != head; node = node->prev)
        if (is_named(bucket_of(node), config, name))
            return bucket_of(node);
    return NULL;
}

static void bucket_free(struct ath__s3_bucket *bucket) {
    ath__signing_key_clear(&bucket->signing_key);
    ath__free(bucket->name);
    ath__free(bucket);
}

static void forget_oldest(struct ath__account *account) {
    struct ath__node *head = &account->io.s3_buckets;
    for (struct ath__node *node = head->next; node != head; node = node->next) {
        struct ath__s3_bucket *bucket = bucket_of(node);
        if (bucket->calls)
            continue;
        pthread_mutex_lock(&account->lock);
        ath__list_remove(node);
        account->io.s3_buckets_count--;
        pthread_mutex_unlock(&account->lock);
        ath__timer_stop(account->runtime, &bucket->lane.timer);
        ath__timers_unreserve(account->runtime, 1);
        bucket_free(bucket);
        return;
    }
}

static struct ath__s3_bucket *
bucket_new(struct ath__account *account, const struct ath__config *config, const char *name) {
    const char *endpoint = config->s3.host ? config->s3.authority : "";
    size_t endpoint_len = strlen(endpoint), name_len = strlen(name);
    struct ath__s3_bucket *bucket = ath__alloc_zero(sizeof *bucket);
    char *text = ath__alloc(endpoint_len + name_len + 2);
    if (!bucket || !text || ath__timers_reserve(account->runtime, 1)) {
        ath__free(bucket);
        ath__free(text);
        return NULL;
    }
    memcpy(text, endpoint, endpoint_len);
    text[endpoint_len] = '|';
    memcpy(text + endpoint_len + 1, name, name_len + 1);
    bucket->name = text;
    bucket->lane.account = account;
    bucket->lane.timer.fire = lane_fire;
    ath__list_init(&bucket->lane.waiting);
    ath__bucket_init_adaptive(&bucket->lane.bucket, RATE_AFTER_REFUSAL);
    return bucket;
}

struct ath__s3_bucket *ath__s3_bucket_get(
    struct ath__account *account, const struct ath__config *config, const char *name) {
    struct ath__s3_bucket *bucket = find(account, config, name ? name : "");
    if (!bucket) {
        if (account->io.s3_buckets_count >= BUCKETS_MAX)
            forget_oldest(account);
        bucket = bucket_new(account, config, name ? name : "");
        if (!bucket)
            return NULL;
        pthread_mutex_lock(&account->lock);
        ath__list_add(&account->io.s3_buckets, &bucket->node);
        account->io.s3_buckets_count++;
        pthread_mutex_unlock(&account->lock);
    }
    bucket->calls++;
    return bucket;
}

void ath__s3_bucket_put(struct ath__account *account, struct ath__s3_bucket *bucket) {
    if (--bucket->calls == 0)
        ath__timer_stop(account->runtime, &bucket->lane.timer);
}

void ath__s3_bucket_learn(
    struct ath__account *account, struct ath__s3_bucket *bucket, const char *region) {
    pthread_mutex_lock(&account->lock);
    memcpy(bucket->region, region, strlen(region) + 1);
    pthread_mutex_unlock(&account->lock);
}

void ath__s3_bucket_region(
    struct ath__account *account,
    const struct ath__config *config,
    const char *name,
    char out[64]) {
    out[0] = '\0';
    pthread_mutex_lock(&account->lock);
    struct ath__s3_bucket *bucket = find(account, config, name);
    if (bucket)
        memcpy(out, bucket->region, sizeof bucket->region);
    pthread_mutex_unlock(&account->lock);
}

void ath__s3_buckets_stop(struct ath__account *account) {
    struct ath__node *head = &account->io.s3_buckets;
    for (struct ath__node *node = head->next; node != head; node = node->next) {
        ath__timer_stop(account->runtime, &bucket_of(node)->lane.timer);
        ath__timers_unreserve(account->runtime, 1);
    }
}

void ath__s3_buckets_clear(struct ath__account *account) {
    struct ath__node *node;
    while ((node = ath__list_pop(&account->io.s3_buckets)))
        bucket_free(bucket_of(node));
}
