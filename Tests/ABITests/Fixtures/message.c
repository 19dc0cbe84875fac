/* Reads and changes a message as the contract allows; value[n] is 1 where what came back was right. */
#include "fixture.h"
static int same(gw_str s, const char *text) {
    return s.ptr && s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0;
}
static gw_str get(gw_request *rq, gw_side side, const char *name) {
    return host->header_get(rq, side, (gw_str){name, strlen(name)});
}
static gw_verdict on_request(gw_request *rq) {
    int64_t *v = PROBE(rq)->value;
    v[0] = same(get(rq, GW_REQUEST, "X-First"), "1");              /* without case, the first of that name */
    v[1] = get(rq, GW_REQUEST, "x-none").ptr == NULL;              /* absent */
    v[2] = get(rq, GW_REQUEST, "x-empty").ptr != NULL && get(rq, GW_REQUEST, "x-empty").len == 0;
    v[3] = same(get(rq, GW_REQUEST, ":method"), "POST") && same(get(rq, GW_REQUEST, ":path"), "/v1/messages?beta=true") &&
           same(get(rq, GW_REQUEST, ":authority"), "gateway.example");
    gw_str kept = get(rq, GW_REQUEST, "x-first");
    v[4] = host->header_set(rq, GW_REQUEST, GW_STR("x-first"), GW_STR("changed")) == GW_OK &&
           same(get(rq, GW_REQUEST, "x-first"), "changed");
    v[5] = same(kept, "1");                                        /* views live in: request */
    v[6] = host->header_add(rq, GW_REQUEST, GW_STR("x-added"), GW_STR("a")) == GW_OK &&
           host->header_add(rq, GW_REQUEST, GW_STR("x-added"), GW_STR("b")) == GW_OK &&
           same(get(rq, GW_REQUEST, "x-added"), "a");
    gw_pair pair;
    size_t count = 0, added = 0;
    while (host->header_at(rq, GW_REQUEST, count, &pair) == GW_OK) {
        count++;
        if (same(pair.name, "x-added")) added++;
    }
    v[7] = (int64_t)count;
    v[8] = (int64_t)added;
    v[9] = host->header_set(rq, GW_REQUEST, GW_STR("x-added"), (gw_str){NULL, 0}) == GW_OK &&
           get(rq, GW_REQUEST, "x-added").ptr == NULL;             /* absent removes every one */
    v[10] = host->header_set(rq, GW_REQUEST, GW_STR("x y"), GW_STR("1"));
    v[11] = host->header_set(rq, GW_REQUEST, GW_STR("x"), GW_STR("1\n2"));
    v[12] = host->header_set(rq, GW_REQUEST, GW_STR("x"), (gw_str){"a\0b", 3});
    v[13] = host->header_set(rq, GW_REQUEST, GW_STR("transfer-encoding"), GW_STR("chunked"));
    v[14] = host->header_set(rq, GW_REQUEST, GW_STR(":path"), GW_STR("/v1/other?x=1")) == GW_OK &&
            same(get(rq, GW_REQUEST, ":path"), "/v1/other?x=1");
    v[15] = host->header_set(rq, GW_REQUEST, GW_STR(":path"), GW_STR("/a b"));
    v[16] = host->header_add(rq, GW_REQUEST, GW_STR(":method"), GW_STR("GET"));
    v[17] = host->body(rq).ptr == NULL;                            /* not complete before on_body */

    gw_attr a = host->attr("test.message");
    gw_value out, in = {.type = GW_TEXT, .text = GW_STR_INIT("value")};
    v[18] = host->attr_get(rq, a, &out) == GW_E_ABSENT && host->attr_set(rq, a, &in) == GW_OK &&
            host->attr_get(rq, a, &out) == GW_OK && same(out.text, "value") && out.text.ptr != in.text.ptr;
    in.type = GW_INT; in.i = 3; in.text.ptr = NULL;
    v[19] = host->attr_set(rq, a, &in) == GW_OK && host->attr_get(rq, a, &out) == GW_OK && out.real == 3.0 && out.type == GW_INT;
    in.type = GW_NONE;
    v[20] = host->attr_set(rq, a, &in) == GW_OK && host->attr_get(rq, a, &out) == GW_E_ABSENT;
    v[21] = host->attr("test.message") == a && host->attr("test.other") != a && a != 0;

    unsigned char *memory = host->alloc(rq, 100000);
    int zero = 1;
    for (int i = 0; i < 100000; i++) zero &= memory[i] == 0;
    v[22] = zero && ((uintptr_t)memory & 15) == 0;

    gw_upstream up = {.size = sizeof up};
    v[23] = host->upstream_get(rq, &up) == GW_OK && same(up.url, "https://default.example") && up.proxy.ptr == NULL;
    up.url = GW_STR("https://other.example"); up.account = GW_STR("main"); up.connect_ms = 5;
    v[24] = host->upstream_set(rq, &up) == GW_OK;
    gw_upstream small = {.size = 16, .connect_ms = 9}; /* an older, shorter struct changes only what it reaches */
    v[25] = host->upstream_set(rq, &small) == GW_OK && host->upstream_get(rq, &up) == GW_OK && up.connect_ms == 9 &&
            same(up.url, "https://other.example") && same(up.account, "main");
    return GW_CONTINUE;
}
static gw_verdict on_body(gw_request *rq) {
    int64_t *v = PROBE(rq)->value;
    v[30] = same(host->body(rq), "{\"model\":\"m\"}");
    v[31] = host->body_set(rq, GW_STR("new")) == GW_OK && same(host->body(rq), "new");
    host->unsubscribe(rq, GW_ON_CHUNK);
    return GW_CONTINUE;
}
static gw_verdict on_attempt(gw_request *rq, const gw_attempt *attempt) {
    (void)attempt;
    PROBE(rq)->value[35] = same(get(rq, GW_RESPONSE, "retry-after"), "7") && same(get(rq, GW_RESPONSE, ":status"), "429");
    gw_pair headers[2] = {{GW_STR_INIT("x-why"), GW_STR_INIT("because")}, {GW_STR_INIT("content-type"), GW_STR_INIT("text/plain")}};
    PROBE(rq)->value[36] = host->respond(rq, 503, headers, 2, GW_STR("no")) == GW_OK;
    return GW_RESPOND;
}
static gw_verdict on_chunk(gw_request *rq, const gw_chunk *chunk) { (void)rq; (void)chunk; return GW_CONTINUE; }
static const gw_plugin table = {TABLE, .create = keep_probe, .on_request = on_request, .on_body = on_body,
                                .on_attempt = on_attempt, .on_chunk = on_chunk};
ENTRY(table)
