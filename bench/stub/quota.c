#include "quota.h"

#include <stddef.h>
#include <string.h>

static const char *const names[API_COUNT] = {
    [API_START] = "StartQueryExecution",
    [API_STOP] = "StopQueryExecution",
    [API_GET] = "GetQueryExecution",
    [API_BATCH_GET] = "BatchGetQueryExecution",
    [API_RESULTS] = "GetQueryResults",
    [API_LIST_EXECUTIONS] = "ListQueryExecutions",
    [API_LIST_DATABASES] = "ListDatabases",
    [API_LIST_TABLES] = "ListTableMetadata",
    [API_GET_TABLE] = "GetTableMetadata",
    [API_S3_GET] = "S3.GetObject",
    [API_S3_HEAD] = "S3.HeadObject",
    [API_S3_PUT] = "S3.PutObject",
    [API_S3_CREATE] = "S3.CreateMultipartUpload",
    [API_S3_PART] = "S3.UploadPart",
    [API_S3_PART_COPY] = "S3.UploadPartCopy",
    [API_S3_COMPLETE] = "S3.CompleteMultipartUpload",
    [API_S3_ABORT] = "S3.AbortMultipartUpload",
    [API_S3_COPY] = "S3.CopyObject",
    [API_S3_DELETE] = "S3.DeleteObject",
    [API_S3_DELETE_MANY] = "S3.DeleteObjects",
    [API_S3_LIST] = "S3.ListObjectsV2",
    [API_S3_BUCKET] = "S3.HeadBucket",
};

struct allowance {
    enum api api;
    double rate;
    double burst;
    bool status;
};

/* The published defaults of the service, a region and account. */
static const struct allowance aws[] = {
    {API_START, 20, 80, false},
    {API_STOP, 20, 80, false},
    {API_GET, 100, 200, true},
    {API_BATCH_GET, 20, 40, true},
    {API_RESULTS, 100, 200, false},
    {API_LIST_EXECUTIONS, 5, 10, false},
};

const char *stub_api_name(enum api api) {
    return names[api];
}

enum api stub_api_find(const char *name) {
    int api = 0;
    while (api < API_COUNT && strcmp(names[api], name) != 0)
        api++;
    return (enum api)api;
}

void stub_quota_set(struct quota *quota, double rate, double burst, int64_t now_ns) {
    quota->rate = rate;
    quota->burst = burst;
    quota->tokens = burst;
    quota->filled_ns = now_ns;
}

bool stub_quota_preset(struct quota quotas[API_COUNT], const char *name, int64_t now_ns) {
    bool status_only = strcmp(name, "aws-status") == 0;
    bool none = strcmp(name, "none") == 0;
    if (!none && !status_only && strcmp(name, "aws") != 0)
        return false;
    for (int api = 0; api < API_COUNT; api++)
        stub_quota_set(&quotas[api], 0, 0, now_ns);
    for (size_t i = 0; !none && i < sizeof aws / sizeof aws[0]; i++)
        if (aws[i].status || !status_only)
            stub_quota_set(&quotas[aws[i].api], aws[i].rate, aws[i].burst, now_ns);
    return true;
}

bool stub_quota_take(struct quota *quota, int64_t now_ns) {
    quota->calls++;
    if (quota->rate <= 0)
        return true;
    double gained = (double)(now_ns - quota->filled_ns) * 1e-9 * quota->rate;
    quota->filled_ns = now_ns;
    quota->tokens += gained;
    if (quota->tokens > quota->burst)
        quota->tokens = quota->burst;
    if (quota->tokens < 1) {
        quota->refused++;
        return false;
    }
    quota->tokens -= 1;
    return true;
}
