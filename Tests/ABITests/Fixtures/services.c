/* Uses the host's interfaces in on_request: value[n] is 1 where what came back was right. */
#include "fixture.h"
static const gw_kv *kv;
static const gw_limiter *limiter;
static const gw_metrics *metrics;
static const gw_json *json;
static gw_series series;
static gw_error create(gw_instance *in) {
    if (keep_probe(in) != GW_OK) return GW_E_ARGUMENT;
    probe *p = (probe *)in->user;
    kv = host->query(in, GW_KV);
    limiter = host->query(in, GW_LIMITER);
    metrics = host->query(in, GW_METRICS);
    json = host->query(in, GW_JSON);
    p->value[0] = kv && limiter && metrics && json;
    p->value[1] = host->query(in, GW_CONTROL) == NULL; /* not granted */
    p->value[2] = host->query(in, "com.example.unknown/1") == NULL;
    gw_value v;
    p->value[3] = host->config(in, GW_STR("/list/1/a~1b"), &v) == GW_OK && v.type == GW_TEXT && v.text.len == 2 &&
                  memcmp(v.text.ptr, "\xc3\xa9", 2) == 0;
    p->value[4] = host->config(in, GW_STR("/list"), &v) == GW_OK && v.type == GW_LIST && v.i == 2 && v.text.ptr[0] == '[';
    p->value[5] = host->config(in, GW_STR("/missing"), &v) == GW_E_ABSENT && host->config(in, GW_STR("bad"), &v) == GW_E_ARGUMENT;
    p->value[6] = host->config(in, GW_STR("/real"), &v) == GW_OK && v.type == GW_REAL && v.real == 2.5 && v.i == 2;
    gw_str secret = host->secret(in, GW_STR("token"));
    p->value[7] = secret.len == 6 && memcmp(secret.ptr, "s3cret", 6) == 0 && host->secret(in, GW_STR("other")).ptr == NULL;
    gw_str labels[1] = {GW_STR_INIT("who")}, values[1] = {GW_STR_INIT("a\"b")};
    gw_metric m = metrics->define(in, GW_COUNTER, "test_things_total", "Things.", labels, 1, NULL, 0);
    series = metrics->series(m, values, 1);
    p->value[8] = m && series && metrics->define(in, GW_COUNTER, "test_things_total", "Things.", labels, 1, NULL, 0) == m;
    p->value[9] = metrics->define(in, GW_GAUGE, "test_things_total", "Things.", labels, 1, NULL, 0) == 0 &&
                  metrics->define(in, GW_GAUGE, "bad name", "x", NULL, 0, NULL, 0) == 0 && metrics->series(m, NULL, 0) == 0;
    metrics->add(0, 1); /* 0 is ignored */
    uint64_t a = host->clock(GW_CLOCK_MONOTONIC), b = host->clock(GW_CLOCK_MONOTONIC);
    unsigned char r1[16] = {0}, r2[16] = {0};
    host->random(r1, 16);
    host->random(r2, 16);
    p->value[10] = a <= b && host->clock(GW_CLOCK_WALL) > 1700000000000000000u && memcmp(r1, r2, 16) != 0;
    return GW_OK;
}
static gw_verdict kv_got(gw_request *rq, void *user, const gw_result *r) {
    (void)user;
    PROBE(rq)->value[22] = r->error == GW_OK && r->number == 5 && r->bytes.len == 1 && r->bytes.ptr[0] == '5';
    return GW_CONTINUE;
}
static gw_verdict kv_swapped(gw_request *rq, void *user, const gw_result *r) {
    (void)user;
    PROBE(rq)->value[21] = r->error == GW_E_CONFLICT && r->bytes.len == 1 && r->bytes.ptr[0] == '5';
    return kv->get(rq, GW_STR("n"), kv_got, NULL) ? GW_SUSPEND : GW_FAIL;
}
static gw_verdict kv_added(gw_request *rq, void *user, const gw_result *r) {
    (void)user;
    PROBE(rq)->value[20] = r->error == GW_OK && r->number == 5;
    return kv->swap(rq, GW_STR("n"), GW_STR("4"), GW_STR("6"), 0, kv_swapped, NULL) ? GW_SUSPEND : GW_FAIL;
}
static gw_verdict on_request(gw_request *rq) {
    metrics->add(series, 2);
    return kv->add(rq, GW_STR("n"), 5, 1000, kv_added, NULL) ? GW_SUSPEND : GW_FAIL;
}
static gw_verdict taken(gw_request *rq, void *user, const gw_result *r) {
    (void)user;
    probe *p = PROBE(rq);
    p->value[30] = r->error;
    p->value[31] = r->number;
    if (r->bytes.len >= 2 * sizeof(gw_grant)) {
        gw_grant grants[2];
        memcpy(grants, r->bytes.ptr, sizeof grants);
        p->value[32] = grants[0].remaining;
        p->value[33] = grants[1].remaining;
        p->value[34] = (int64_t)grants[0].retry_after_ms;
    }
    return GW_CONTINUE;
}
static gw_verdict on_body(gw_request *rq) {
    probe *p = PROBE(rq);
    gw_value v;
    p->value[40] = json->get(rq, host->body(rq), GW_STR("/usage/output_tokens"), &v) == GW_OK && v.i == 42;
    p->value[41] = json->get(rq, host->body(rq), GW_STR("/model"), &v) == GW_OK && v.text.len == 3 &&
                   memcmp(v.text.ptr, "a\nb", 3) == 0;
    p->value[42] = json->get(rq, host->body(rq), GW_STR("/none"), &v);
    p->value[43] = json->get(rq, host->body(rq), GW_STR("model"), &v);
    gw_demand demands[2] = {
        {.size = sizeof(gw_demand), .kind = GW_DEMAND_RATE, .key = GW_STR_INIT("r"), .cost = 1, .limit = 3, .period_ms = 60000},
        {.size = sizeof(gw_demand), .kind = GW_DEMAND_LEASE, .key = GW_STR_INIT("l"), .cost = 1, .limit = 2}};
    p->value[44] = limiter->take(rq, demands, 0, taken, NULL) == 0; /* nothing demanded */
    return limiter->take(rq, demands, 2, taken, NULL) ? GW_SUSPEND : GW_FAIL;
}
static gw_verdict on_select(gw_request *rq) {
    PROBE(rq)->value[45] = limiter->release(rq, GW_STR("l"));
    PROBE(rq)->value[46] = limiter->release(rq, GW_STR("l"));
    PROBE(rq)->value[47] = limiter->settle(rq, GW_STR("b"), 1);
    return GW_CONTINUE;
}
static gw_verdict on_admin(gw_request *rq) {
    gw_str text = metrics->scrape(rq, 1);
    return host->respond(rq, 200, NULL, 0, text) == GW_OK ? GW_RESPOND : GW_FAIL;
}
static const gw_plugin table = {TABLE, .create = create, .on_request = on_request, .on_body = on_body,
                                .on_select = on_select, .on_admin = on_admin, .admin_mount = "/test"};
ENTRY(table)
