#include "net/http.h"

#define BODY_MAX_DEFAULT ((size_t)64 << 20)
#define HEAD_MAX ((size_t)64 << 10)
#define PROCESS_OUTPUT_MAX ((size_t)64 << 10)
#define PROCESS_ERRORS_MAX 1024

void ath__exchange_init(struct ath__exchange *x) {
    *x = (struct ath__exchange){.body_max = BODY_MAX_DEFAULT};
    ath__buf_init(&x->head, HEAD_MAX);
    ath__buf_init(&x->answer, BODY_MAX_DEFAULT);
}

void ath__exchange_reset(struct ath__exchange *x) {
    x->result = x->status = 0;
    x->request_sent = false;
    x->message[0] = '\0';
    x->head.len = x->answer.len = x->into_used = 0;
    x->answer.max = x->body_max;
    x->bytes_sent = x->bytes_received = 0;
}

void ath__exchange_clear(struct ath__exchange *x) {
    ath__buf_clear(&x->head);
    ath__buf_clear(&x->answer);
}

struct ath_slice ath__exchange_header(const struct ath__exchange *x, const char *name) {
    struct ath_slice rest = ath__buf_slice(&x->head), wanted = ath__slice_str(name);
    while (rest.len) {
        struct ath_slice value = ath__slice_split(&rest, '\n');
        struct ath_slice field = ath__slice_split(&value, ':');
        if (value.ptr && ath__slice_eq_nocase(field, wanted))
            return ath__slice_trim(value);
    }
    return (struct ath_slice){0};
}

void ath__process_init(struct ath__process *p) {
    *p = (struct ath__process){.output_max = PROCESS_OUTPUT_MAX};
    ath__buf_init(&p->output, PROCESS_OUTPUT_MAX);
    ath__buf_init(&p->errors, PROCESS_ERRORS_MAX);
    p->net.out_fd = p->net.err_fd = p->net.pid_fd = -1;
}

void ath__process_clear(struct ath__process *p) {
    ath__buf_wipe(&p->output);
    ath__buf_wipe(&p->errors);
}
