/* Calls what is not allowed where it is called, and records what it is told.
 * on_request: 0 emit, 1 buffer_response, 2 body_set, 3 respond 99, 4 respond 600, 5 respond with a header
 *   that would split the response, 6 respond with content-length, 7 attr_set of a host attribute,
 *   8 attr_set of attribute 0, 9 header_set GW_RESPONSE, 10 header_set GW_RESULT, 11 unknown side,
 *   12 upstream_set without a scheme, 13 upstream_set with size 0, 14 header_set on the background,
 *   15 attr_set on the background, 16 a real value that is no number
 * on_select: 20 body_set, 21 header_set GW_REQUEST
 * on_attempt: 30 header_set GW_REQUEST, 31 upstream_set, 32 body_set
 * on_response: 35 buffer_response, 36 buffer_response 0, 37 header_set
 * on_chunk: 40 respond, 41 header_set GW_RESPONSE once committed, 42 emit
 * on_complete: 50 respond, 51 emit, 52 header_set, 53 after */
#include "fixture.h"
static gw_verdict done(gw_request *rq, void *user, const gw_result *r) { (void)rq; (void)user; (void)r; return GW_CONTINUE; }
static gw_error respond_with(gw_request *rq, gw_str name, gw_str value) {
    gw_pair header = {name, value};
    return host->respond(rq, 200, &header, 1, GW_STR("x"));
}
static gw_verdict on_request(gw_request *rq) {
    int64_t *v = PROBE(rq)->value;
    v[0] = host->emit(rq, GW_STR("x"));
    v[1] = host->buffer_response(rq, 10);
    v[2] = host->body_set(rq, GW_STR("x"));
    v[3] = host->respond(rq, 99, NULL, 0, GW_STR(""));
    v[4] = host->respond(rq, 600, NULL, 0, GW_STR(""));
    v[5] = respond_with(rq, GW_STR("x-a"), GW_STR("b\r\nset-cookie: c"));
    v[6] = respond_with(rq, GW_STR("content-length"), GW_STR("5"));
    gw_value text = {.type = GW_TEXT, .text = GW_STR_INIT("fake")};
    v[7] = host->attr_set(rq, host->attr(GW_ATTR_CLIENT_IP), &text);
    v[8] = host->attr_set(rq, 0, &text);
    v[9] = host->header_set(rq, GW_RESPONSE, GW_STR("x-a"), GW_STR("b"));
    v[10] = host->header_set(rq, GW_RESULT, GW_STR("x-a"), GW_STR("b"));
    v[11] = host->header_set(rq, (gw_side)9, GW_STR("x-a"), GW_STR("b"));
    gw_upstream up = {.size = sizeof up, .url = GW_STR_INIT("example.com")};
    v[12] = host->upstream_set(rq, &up);
    up.size = 0;
    v[13] = host->upstream_set(rq, &up);
    v[14] = host->header_set(rq->worker->background, GW_REQUEST, GW_STR("x-a"), GW_STR("b"));
    v[15] = host->attr_set(rq->worker->background, host->attr("test.x"), &text);
    gw_value real = {.type = GW_REAL};
    real.real = 0.0 / (double)(rq->size - rq->size);
    v[16] = host->attr_set(rq, host->attr("test.x"), &real);
    return GW_CONTINUE;
}
static gw_verdict on_select(gw_request *rq) {
    PROBE(rq)->value[20] = host->body_set(rq, GW_STR("new body"));
    PROBE(rq)->value[21] = host->header_set(rq, GW_REQUEST, GW_STR("x-api-key"), GW_STR("secret"));
    return GW_CONTINUE;
}
static gw_verdict on_attempt(gw_request *rq, const gw_attempt *attempt) {
    (void)attempt;
    gw_upstream up = {.size = sizeof up, .url = GW_STR_INIT("https://example.com")};
    PROBE(rq)->value[30] = host->header_set(rq, GW_REQUEST, GW_STR("x-a"), GW_STR("b"));
    PROBE(rq)->value[31] = host->upstream_set(rq, &up);
    PROBE(rq)->value[32] = host->body_set(rq, GW_STR("x"));
    return GW_CONTINUE;
}
static gw_verdict on_response(gw_request *rq) {
    PROBE(rq)->value[35] = host->buffer_response(rq, 1000);
    PROBE(rq)->value[36] = host->buffer_response(rq, 0);
    PROBE(rq)->value[37] = host->header_set(rq, GW_RESPONSE, GW_STR("x-a"), GW_STR("b"));
    return GW_CONTINUE;
}
static gw_verdict on_chunk(gw_request *rq, const gw_chunk *chunk) {
    PROBE(rq)->value[40] = host->respond(rq, 500, NULL, 0, GW_STR(""));
    PROBE(rq)->value[41] = host->header_set(rq, GW_RESPONSE, GW_STR("x-a"), GW_STR("c"));
    PROBE(rq)->value[42] = host->emit(rq, chunk->raw);
    PROBE(rq)->value[43] = rq->flags;
    return GW_CONTINUE;
}
static void on_complete(gw_request *rq, const gw_summary *summary) {
    (void)summary;
    PROBE(rq)->value[50] = host->respond(rq, 500, NULL, 0, GW_STR(""));
    PROBE(rq)->value[51] = host->emit(rq, GW_STR("x"));
    PROBE(rq)->value[52] = host->header_set(rq, GW_REQUEST, GW_STR("x-a"), GW_STR("b"));
    PROBE(rq)->value[53] = (int64_t)host->after(rq, 0, done, NULL);
}
static const gw_plugin table = {TABLE, .create = keep_probe, .on_request = on_request, .on_select = on_select,
                                .on_attempt = on_attempt, .on_response = on_response, .on_chunk = on_chunk,
                                .on_complete = on_complete};
ENTRY(table)
