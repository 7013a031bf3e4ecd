#include "admin.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* What a request asks for; applied only once all of it was read. */
struct change {
    struct settings settings;
    struct quota quotas[API_COUNT];
    bool reset;
};

static struct reply refuse(const char *member) {
    struct text body = {0};
    stub_text_puts(&body, "{\"error\":\"bad member\",\"member\":");
    stub_text_json(&body, member, strlen(member));
    stub_text_puts(&body, "}");
    return stub_reply(MHD_HTTP_BAD_REQUEST, &body, "application/json");
}

static bool read_quotas(struct quota quotas[API_COUNT], json_t *object, int64_t now_ns) {
    const char *name;
    json_t *pair;
    if (!json_is_object(object))
        return false;
    json_object_foreach(object, name, pair) {
        enum api api = stub_api_find(name);
        double rate = json_number_value(json_array_get(pair, 0));
        double burst = json_number_value(json_array_get(pair, 1));
        if (api == API_COUNT || json_array_size(pair) != 2 || rate < 0 || (rate > 0 && burst < 1))
            return false;
        stub_quota_set(&quotas[api], rate, burst, now_ns);
    }
    return true;
}

static bool read_number(double *value, const json_t *json) {
    *value = json_number_value(json);
    return json_is_number(json) && *value >= 0;
}

static bool read_member(struct change *change, const char *name, json_t *value) {
    int64_t now_ns = stub_now_ns();
    double limit;

    if (strcmp(name, "latency_ms") == 0)
        return read_number(&change->settings.latency_ms, value);
    if (strcmp(name, "s3_latency_ms") == 0)
        return read_number(&change->settings.s3_latency_ms, value);
    if (strcmp(name, "s3_mbps") == 0)
        return read_number(&change->settings.s3_mbps, value);
    if (strcmp(name, "active_limit") == 0) {
        if (!read_number(&limit, value) || limit > 1e9)
            return false;
        change->settings.active_limit = (uint64_t)limit;
        return true;
    }
    if (strcmp(name, "reset") == 0) {
        change->reset = json_is_true(value);
        return json_is_boolean(value);
    }
    if (strcmp(name, "quota") == 0)
        return json_is_string(value) &&
               stub_quota_preset(change->quotas, json_string_value(value), now_ns);
    return strcmp(name, "quotas") == 0 && read_quotas(change->quotas, value, now_ns);
}

static void apply(struct stub *stub, const struct change *change) {
    stub->settings = change->settings;
    memcpy(stub->quotas, change->quotas, sizeof stub->quotas);
    if (!change->reset)
        return;
    stub_queries_reset(&stub->queries);
    stub_store_reset(&stub->store);
    stub->connections_max = stub->connections;
    stub->connections_total = 0;
    for (int api = 0; api < API_COUNT; api++)
        stub->quotas[api].calls = stub->quotas[api].refused = 0;
}

static void write_settings(struct stub *stub, struct text *out) {
    const struct settings *settings = &stub->settings;
    stub_text_format(
        out,
        "{\"latency_ms\":%g,\"s3_latency_ms\":%g,\"s3_mbps\":%g,\"active_limit\":%" PRIu64
        ",\"quotas\":{",
        settings->latency_ms,
        settings->s3_latency_ms,
        settings->s3_mbps,
        settings->active_limit);
    bool first = true;
    for (int api = 0; api < API_COUNT; api++) {
        if (stub->quotas[api].rate <= 0)
            continue;
        stub_text_format(
            out,
            "%s\"%s\":[%g,%g]",
            first ? "" : ",",
            stub_api_name((enum api)api),
            stub->quotas[api].rate,
            stub->quotas[api].burst);
        first = false;
    }
    stub_text_puts(out, "}}");
}

struct reply stub_admin_configure(struct stub *stub, const struct text *body) {
    json_t *input = json_loadb(body->len ? body->data : "{}", body->len ? body->len : 2, 0, NULL);
    if (!json_is_object(input)) {
        json_decref(input);
        return refuse("");
    }
    struct text out = {0};
    struct reply bad = {0};
    pthread_mutex_lock(&stub->lock);
    struct change change = {.settings = stub->settings};
    memcpy(change.quotas, stub->quotas, sizeof change.quotas);
    /* The preset first, so that single quotas of the same request refine it. */
    json_t *preset = json_object_get(input, "quota");
    if (preset && !read_member(&change, "quota", preset))
        bad = refuse("quota");
    const char *name;
    json_t *value;
    json_object_foreach(input, name, value) {
        if (!bad.status && value != preset && !read_member(&change, name, value))
            bad = refuse(name);
    }
    if (!bad.status) {
        apply(stub, &change);
        write_settings(stub, &out);
    }
    pthread_mutex_unlock(&stub->lock);
    json_decref(input);
    return bad.status ? bad : stub_reply(MHD_HTTP_OK, &out, "application/json");
}

static void write_query(struct text *out, const struct query *query, int64_t now_ns) {
    stub_text_format(
        out,
        "{\"id\":\"%s\",\"start\":%.6f,\"end\":%.6f,\"state\":\"%s\",\"looks\":%u}",
        query->id,
        (double)query->start_ns * 1e-9,
        (double)query->end_ns * 1e-9,
        stub_state_name(stub_query_state(query, now_ns)),
        query->looks);
}

struct reply stub_admin_stats(struct stub *stub) {
    struct text out = {0};
    int64_t now_ns = stub_now_ns();
    pthread_mutex_lock(&stub->lock);
    stub_text_format(
        &out,
        "{\"now\":%.6f,\"connections\":{\"now\":%" PRIu64 ",\"max\":%" PRIu64 ",\"total\":%" PRIu64
        "},\"calls\":{",
        (double)now_ns * 1e-9,
        stub->connections,
        stub->connections_max,
        stub->connections_total);
    for (int api = 0; api < API_COUNT; api++)
        stub_text_format(
            &out,
            "%s\"%s\":%" PRIu64,
            api ? "," : "",
            stub_api_name((enum api)api),
            stub->quotas[api].calls);
    stub_text_puts(&out, "},\"refused\":{");
    for (int api = 0; api < API_COUNT; api++)
        stub_text_format(
            &out,
            "%s\"%s\":%" PRIu64,
            api ? "," : "",
            stub_api_name((enum api)api),
            stub->quotas[api].refused);
    size_t uploads = 0;
    for (const struct upload *upload = stub->store.uploads; upload; upload = upload->next)
        uploads++;
    stub_text_format(
        &out,
        "},\"objects\":%zu,\"uploads\":%zu,\"received\":%" PRIu64 ",\"deleted\":%" PRIu64,
        stub->store.count,
        uploads,
        stub->store.received,
        stub->store.deleted);
    stub_text_puts(&out, ",\"queries\":[");
    for (size_t i = 0; i < stub->queries.count; i++) {
        stub_text_puts(&out, i ? ",\n" : "\n");
        write_query(&out, stub->queries.items[i], now_ns);
    }
    stub_text_puts(&out, "]}");
    pthread_mutex_unlock(&stub->lock);
    return stub_reply(MHD_HTTP_OK, &out, "application/json");
}
