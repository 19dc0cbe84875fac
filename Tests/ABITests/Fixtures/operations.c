/* Starts operations in on_request as {"mode": ...} says, and records how they end:
 * value[0] callbacks, value[1] last error, value[2] the number of the last operation, value[3] its
 * number in the result, value[4] the thread it ended on, value[5] on_complete calls, value[6] callbacks
 * before on_complete, value[7] sum of `user`, value[8] what a start inside the callback gave. */
#define _GNU_SOURCE
#include "fixture.h"
#include <unistd.h>
#include <sys/syscall.h>

static gw_verdict ended(gw_request *rq, void *user, const gw_result *result) {
    probe *p = PROBE(rq);
    p->value[0]++;
    p->value[1] = result->error;
    p->value[3] = result->number;
    p->value[4] = syscall(SYS_gettid);
    p->value[7] += (int64_t)(intptr_t)user;
    return GW_CONTINUE;
}
static gw_verdict goes_on(gw_request *rq, void *user, const gw_result *result) {
    ended(rq, user, result);
    return GW_SUSPEND;
}
static gw_verdict starts_again(gw_request *rq, void *user, const gw_result *result) {
    ended(rq, user, result);
    PROBE(rq)->value[8] = host->after(rq, 0, ended, NULL) != 0;
    return GW_SUSPEND;
}
static gw_verdict refuses(gw_request *rq, void *user, const gw_result *result) {
    ended(rq, user, result);
    host->respond(rq, 429, NULL, 0, GW_STR("later"));
    return GW_RESPOND;
}
static int is(gw_request *rq, const char *mode) {
    gw_value v;
    return host->config(rq->worker->instance, GW_STR("/mode"), &v) == GW_OK && v.text.len == strlen(mode) &&
           memcmp(v.text.ptr, mode, v.text.len) == 0;
}
static gw_verdict on_request(gw_request *rq) {
    probe *p = PROBE(rq);
    if (is(rq, "expect")) { p->value[2] = (int64_t)host->expect(rq, ended, (void *)7); return GW_SUSPEND; }
    if (is(rq, "expect and continue")) { p->value[2] = (int64_t)host->expect(rq, ended, (void *)7); return GW_CONTINUE; }
    if (is(rq, "nothing")) return GW_SUSPEND;
    if (is(rq, "timer")) { p->value[2] = (int64_t)host->after(rq, 5, ended, NULL); return GW_SUSPEND; }
    if (is(rq, "now")) { p->value[2] = (int64_t)host->after(rq, 0, ended, NULL); return GW_SUSPEND; }
    if (is(rq, "refuse")) { p->value[2] = (int64_t)host->after(rq, 0, refuses, NULL); return GW_SUSPEND; }
    if (is(rq, "goes on")) {
        p->value[2] = (int64_t)host->expect(rq, ended, NULL);
        host->after(rq, 0, goes_on, NULL);
        return GW_SUSPEND;
    }
    if (is(rq, "goes on with nothing")) { host->after(rq, 0, goes_on, NULL); return GW_SUSPEND; }
    if (is(rq, "starts again")) { host->after(rq, 0, starts_again, NULL); return GW_SUSPEND; }
    if (is(rq, "cancel")) {
        gw_op op = host->expect(rq, ended, NULL);
        host->cancel(rq, op);
        host->cancel(rq, op);
        p->value[2] = (int64_t)op;
        return GW_SUSPEND;
    }
    if (is(rq, "endless")) { /* each cancelled one tries to start another */
        host->expect(rq, starts_again, NULL);
        return GW_SUSPEND;
    }
    if (is(rq, "many")) {
        int64_t count = 0;
        while (count < 1000 && host->expect(rq, ended, NULL)) count++;
        p->value[2] = count;
        return GW_CONTINUE;
    }
    if (is(rq, "inside")) { /* a result must not arrive inside the call */
        host->after(rq, 0, ended, NULL);
        p->value[9] = p->value[0];
        return GW_SUSPEND;
    }
    if (is(rq, "background")) { p->value[2] = (int64_t)host->expect(rq->worker->background, ended, NULL); return GW_CONTINUE; }
    return GW_CONTINUE;
}
/* A hook that suspends on an operation of its own, while that of on_request may still be pending. */
static gw_verdict on_body(gw_request *rq) {
    if (!is(rq, "expect and continue")) return GW_CONTINUE;
    PROBE(rq)->value[10] = (int64_t)host->expect(rq, ended, NULL);
    return GW_SUSPEND;
}
static void on_complete(gw_request *rq, const gw_summary *summary) {
    (void)summary;
    probe *p = PROBE(rq);
    p->value[5]++;
    p->value[6] = p->value[0];
    p->value[11] = host->after(rq, 0, ended, NULL) != 0;
}
static const gw_plugin table = {TABLE, .create = keep_probe, .on_request = on_request, .on_body = on_body,
                                .on_complete = on_complete};
ENTRY(table)
