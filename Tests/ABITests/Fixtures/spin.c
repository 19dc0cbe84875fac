/* Stays in on_request until value[0] is set; crashes there with {"mode": "crash"}. */
#include "fixture.h"
static gw_verdict on_request(gw_request *rq) {
    gw_value v;
    if (host->config(rq->worker->instance, GW_STR("/mode"), &v) == GW_OK) abort();
    while (!__atomic_load_n(&PROBE(rq)->value[0], __ATOMIC_ACQUIRE)) {}
    return GW_CONTINUE;
}
static const gw_plugin table = {TABLE, .create = keep_probe, .on_request = on_request};
ENTRY(table)
