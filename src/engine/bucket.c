#include "engine/bucket.h"

#define NS 1e9
#define QUOTA_MAX 500u
#define QUIET_NS 3000000000ull /* no growth so soon after a refusal */

void ath__bucket_init_fixed(
    struct ath__bucket *bucket, double rate, double burst, uint64_t now_ns) {
    *bucket = (struct ath__bucket){
        .rate = rate,
        .start_rate = rate,
        .burst = burst < 1 ? 1 : burst,
        .tokens = burst < 1 ? 1 : burst,
        .last_ns = now_ns,
        .is_active = true,
    };
}

void ath__bucket_init_adaptive(struct ath__bucket *bucket, double rate) {
    *bucket =
        (struct ath__bucket){.rate = rate, .start_rate = rate, .burst = 1, .is_adaptive = true};
}

static double grown_rate(const struct ath__bucket *bucket, uint64_t now_ns, double seconds) {
    uint64_t quiet_from = bucket->refused_ns + QUIET_NS;
    double rate_max = bucket->is_adaptive ? 1000 : bucket->start_rate;
    if (now_ns <= quiet_from)
        return bucket->rate;
    double quiet = (double)(now_ns - quiet_from) / NS;
    double grown = bucket->rate * (1 + 0.1 * (quiet < seconds ? quiet : seconds));
    return grown < rate_max ? grown : rate_max;
}

static void refill(struct ath__bucket *bucket, uint64_t now_ns) {
    if (now_ns <= bucket->last_ns)
        return;
    double seconds = (double)(now_ns - bucket->last_ns) / NS;
    bucket->rate = grown_rate(bucket, now_ns, seconds);
    bucket->tokens += bucket->rate * seconds;
    if (bucket->tokens > bucket->burst)
        bucket->tokens = bucket->burst;
    bucket->last_ns = now_ns;
}

bool ath__bucket_take(struct ath__bucket *bucket, uint64_t now_ns) {
    if (!bucket->is_active)
        return true;
    refill(bucket, now_ns);
    if (bucket->tokens < 1)
        return false;
    bucket->tokens -= 1;
    return true;
}

uint64_t ath__bucket_wait_ns(struct ath__bucket *bucket, uint64_t now_ns) {
    if (!bucket->is_active)
        return 0;
    refill(bucket, now_ns);
    if (bucket->tokens >= 1)
        return 0;
    return (uint64_t)((1 - bucket->tokens) / bucket->rate * NS) + 1;
}

uint64_t ath__bucket_full_ns(struct ath__bucket *bucket, uint64_t now_ns) {
    refill(bucket, now_ns);
    double missing = bucket->burst - 1 - bucket->tokens;
    return missing <= 0 ? 0 : (uint64_t)(missing / bucket->rate * NS) + 1;
}

void ath__bucket_refused(struct ath__bucket *bucket, uint64_t now_ns) {
    if (!bucket->is_active) {
        bucket->is_active = true;
        bucket->rate = bucket->start_rate;
        bucket->tokens = 0;
        bucket->last_ns = bucket->refused_ns = now_ns;
        return;
    }
    refill(bucket, now_ns);
    /* Answers to calls sent before the last refusal say nothing new: shrink once in 100 ms. */
    if (now_ns - bucket->refused_ns > 100000000ull) {
        double floor = bucket->start_rate / 40;
        if (bucket->rate > bucket->start_rate)
            bucket->rate = bucket->start_rate;
        else
            bucket->rate *= now_ns - bucket->refused_ns < (uint64_t)(NS) ? 0.8 : 0.97;
        if (bucket->rate < floor)
            bucket->rate = floor;
        bucket->tokens = bucket->tokens > 0 ? 0 : bucket->tokens;
    }
    bucket->refused_ns = now_ns;
}

void ath__retry_quota_init(struct ath__retry_quota *quota) {
    quota->tokens = QUOTA_MAX;
}

bool ath__retry_quota_take(struct ath__retry_quota *quota, unsigned cost) {
    if (quota->tokens < cost)
        return false;
    quota->tokens -= cost;
    return true;
}

void ath__retry_quota_give(struct ath__retry_quota *quota, unsigned cost) {
    quota->tokens = quota->tokens + cost > QUOTA_MAX ? QUOTA_MAX : quota->tokens + cost;
}
