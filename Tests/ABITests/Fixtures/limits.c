/* Takes a rate twice in on_request: value[0] counts callbacks, value[n] says whose the n-th was.
 * The test sets value[40]: GW_SUSPEND or GW_CONTINUE; value[41]: the first callback takes once more and waits for that;
 * value[42]: there is one take only. */
#include "fixture.h"
static const gw_limiter *limiter;
static gw_error create(gw_instance *in) {
    limiter = host->query(in, GW_LIMITER);
    return limiter ? keep_probe(in) : GW_E_ARGUMENT;
}
static gw_op take(gw_request *rq, intptr_t number);
static gw_verdict taken(gw_request *rq, void *user, const gw_result *r) {
    probe *p = PROBE(rq);
    p->value[++p->value[0]] = (intptr_t)user;
    if (r->error != GW_OK) p->value[20] = r->error;
    if (!p->value[41]) return GW_CONTINUE;
    p->value[41] = 0;
    return take(rq, 3) ? GW_SUSPEND : GW_FAIL;
}
static gw_op take(gw_request *rq, intptr_t number) {
    gw_demand demand = {.size = sizeof demand, .kind = GW_DEMAND_RATE, .key = GW_STR_INIT("r"), .cost = 1, .limit = 100, .period_ms = 60000};
    return limiter->take(rq, &demand, 1, taken, (void *)number);
}
static gw_verdict on_request(gw_request *rq) {
    probe *p = PROBE(rq);
    gw_op first = take(rq, 1);
    host->cancel(rq, first); /* its result is here already */
    p->value[30] = host->signal(first);
    gw_op second = p->value[42] ? 0 : take(rq, 2);
    p->value[31] = first && second && first != second;
    p->value[32] = p->value[0];
    return (gw_verdict)p->value[40];
}
static void on_complete(gw_request *rq, const gw_summary *summary) {
    (void)summary;
    PROBE(rq)->value[33] = PROBE(rq)->value[0];
}
static const gw_plugin table = {TABLE, .create = create, .on_request = on_request, .on_complete = on_complete};
ENTRY(table)
