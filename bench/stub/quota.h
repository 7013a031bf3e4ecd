/* Counters and token buckets of the APIs. Not locked: callers hold the stub's lock. */
#ifndef STUB_QUOTA_H
#define STUB_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

enum api {
    API_START,
    API_STOP,
    API_GET,
    API_BATCH_GET,
    API_RESULTS,
    API_LIST_EXECUTIONS,
    API_LIST_DATABASES,
    API_LIST_TABLES,
    API_GET_TABLE,
    API_S3_GET,
    API_S3_HEAD,
    API_S3_PUT,
    API_S3_CREATE,
    API_S3_PART,
    API_S3_PART_COPY,
    API_S3_COMPLETE,
    API_S3_ABORT,
    API_S3_COPY,
    API_S3_DELETE,
    API_S3_DELETE_MANY,
    API_S3_LIST,
    API_S3_BUCKET,
    API_COUNT
};

struct quota {
    double rate;  /* calls a second; 0 means unlimited */
    double burst; /* bucket size, >= 1 where rate > 0 */
    double tokens;
    int64_t filled_ns;
    uint64_t calls; /* all calls, refused ones too */
    uint64_t refused;
};

/* Name of an API as in X-Amz-Target (objects: "S3.GetObject", ...). */
const char *stub_api_name(enum api api);

/* The API of a name, or API_COUNT. */
enum api stub_api_find(const char *name);

void stub_quota_set(struct quota *quota, double rate, double burst, int64_t now_ns);

/* Sets a preset on all APIs: "none", "aws" (AWS's defaults) or "aws-status" (only the status calls
 * of "aws"). Returns false and changes nothing when the name is unknown. */
bool stub_quota_preset(struct quota quotas[API_COUNT], const char *name, int64_t now_ns);

/* Counts a call and takes its token; false means that it is refused. */
bool stub_quota_take(struct quota *quota, int64_t now_ns);

#endif
