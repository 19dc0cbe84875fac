/* Fetches in on_request: value[0] callbacks, value[1] error, value[2] status, value[3] whether body,
 * header_get and header_at of GW_RESULT were right, value[4] and [5] what malformed requests gave,
 * value[6] GW_RESULT outside of a callback. With the capability: value[10] whether the status is JSON,
 * value[7] the worker's flags, and on_response fetches in the background: value[8] its callbacks, [9] its number;
 * value[11] callbacks of reload, value[12] its error, value[13] the length of its explanation. */
#include "fixture.h"
static const gw_fetch *fetch;
static const gw_control *control;
static gw_error create(gw_instance *in) {
    fetch = host->query(in, GW_FETCH);
    control = host->query(in, GW_CONTROL);
    return fetch ? keep_probe(in) : GW_E_ABSENT;
}
static int same(gw_str s, const char *text) { return s.ptr && s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0; }
static gw_verdict fetched(gw_request *rq, void *user, const gw_result *r) {
    (void)user;
    int64_t *v = PROBE(rq)->value;
    gw_pair pair;
    v[0]++;
    v[1] = r->error;
    v[2] = r->number;
    v[3] = same(r->bytes, "body") && same(host->header_get(rq, GW_RESULT, GW_STR("x-a")), "1") &&
           host->header_at(rq, GW_RESULT, 1, &pair) == GW_OK && same(pair.name, "X-B") && same(pair.value, "") &&
           host->header_at(rq, GW_RESULT, 2, &pair) == GW_E_ABSENT;
    return GW_CONTINUE;
}
static gw_verdict reloaded(gw_request *rq, void *user, const gw_result *r) {
    (void)user;
    PROBE(rq)->value[11]++;
    PROBE(rq)->value[12] = r->error;
    PROBE(rq)->value[13] = (int64_t)r->bytes.len;
    return GW_CONTINUE;
}
static gw_verdict on_request(gw_request *rq) {
    int64_t *v = PROBE(rq)->value;
    gw_fetch_request bad = {.size = sizeof bad, .url = GW_STR_INIT("ftp://x")};
    v[4] = fetch->start(rq, &bad, fetched, NULL) == 0;
    gw_pair split = {GW_STR_INIT("x"), GW_STR_INIT("a\r\nb: c")};
    gw_fetch_request injected = {.size = sizeof injected, .url = GW_STR_INIT("http://x/"), .headers = &split, .header_count = 1};
    v[5] = fetch->start(rq, &injected, fetched, NULL) == 0;
    v[6] = host->header_get(rq, GW_RESULT, GW_STR("x-a")).ptr == NULL;
    gw_fetch_request good = {.size = sizeof good, .url = GW_STR_INIT("http://example.com/token"), .body = GW_STR_INIT("{}")};
    return fetch->start(rq, &good, fetched, NULL) ? GW_SUSPEND : GW_FAIL;
}
static gw_verdict on_body(gw_request *rq) {
    if (!control) return GW_CONTINUE;
    gw_str status = control->status(rq);
    PROBE(rq)->value[10] = status.len > 1 && status.ptr[0] == '{';
    return control->reload(rq, (gw_str){NULL, 0}, reloaded, NULL) ? GW_SUSPEND : GW_FAIL;
}
static gw_verdict heard(gw_request *rq, void *user, const gw_result *r) {
    (void)user;
    PROBE(rq)->value[8]++;
    PROBE(rq)->value[9] = r->number;
    return GW_CONTINUE;
}
static gw_verdict on_response(gw_request *rq) {
    PROBE(rq)->value[7] = rq->worker->flags;
    gw_fetch_request good = {.size = sizeof good, .url = GW_STR_INIT("http://example.com/token")};
    return fetch->start(rq->worker->background, &good, heard, NULL) ? GW_CONTINUE : GW_FAIL;
}
static const gw_plugin table = {TABLE, .create = create, .on_request = on_request, .on_body = on_body, .on_response = on_response};
ENTRY(table)
