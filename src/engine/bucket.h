/* Token buckets for call rates, and the retry quota. Pure: time is a parameter. */
#ifndef ATH_ENGINE_BUCKET_H
#define ATH_ENGINE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * rate tokens a second, at most `burst` saved. An inactive bucket lets everything pass until the
 * first refusal. On refusals the rate shrinks; after three quiet seconds it grows 10 % a second, a
 * fixed bucket's back to its first rate, an adaptive one's (inactive at first) on to a thousand a
 * second.
 */
struct ath__bucket {
    double rate;
    double burst;
    double tokens;
    double start_rate; /* AWS's default times our share */
    uint64_t last_ns;
    uint64_t refused_ns; /* time of the last refusal */
    bool is_active;
    bool is_adaptive;
};

void ath__bucket_init_fixed(struct ath__bucket *bucket, double rate, double burst, uint64_t now_ns);
void ath__bucket_init_adaptive(struct ath__bucket *bucket, double rate);
/* Takes a token when there is one. */
bool ath__bucket_take(struct ath__bucket *bucket, uint64_t now_ns);
/* Nanoseconds until a token is there; 0: now. */
uint64_t ath__bucket_wait_ns(struct ath__bucket *bucket, uint64_t now_ns);
/* Nanoseconds until all but one of the tokens it can save are there. */
uint64_t ath__bucket_full_ns(struct ath__bucket *bucket, uint64_t now_ns);
void ath__bucket_refused(struct ath__bucket *bucket, uint64_t now_ns);

/* 500 tokens; a retry costs, a success gives back (AWS SDKs' standard mode). */
struct ath__retry_quota {
    unsigned tokens;
};
void ath__retry_quota_init(struct ath__retry_quota *quota);
/* False when the quota cannot pay. */
bool ath__retry_quota_take(struct ath__retry_quota *quota, unsigned cost);
void ath__retry_quota_give(struct ath__retry_quota *quota, unsigned cost);

#endif
