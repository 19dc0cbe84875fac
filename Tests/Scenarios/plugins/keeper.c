/* Counts requests that have the header x-keep in gw.kv, and answers them with the sum, or with 503 and the error. */
#include "gateway_plugin.h"
#include <stdio.h>

static const gw_host *host;
static const gw_kv *kv;

static gw_error create(gw_instance *in) {
    kv = host->query(in, GW_KV);
    return kv ? GW_OK : GW_E_ARGUMENT;
}
static gw_verdict counted(gw_request *rq, void *user, const gw_result *r) {
    (void)user;
    char text[64];
    int length = snprintf(text, sizeof text, "{\"error\":%d,\"sum\":%lld}", (int)r->error, (long long)r->number);
    gw_str body = {text, (size_t)length};
    return host->respond(rq, r->error == GW_OK ? 200 : 503, NULL, 0, body) == GW_OK ? GW_RESPOND : GW_FAIL;
}
static gw_verdict on_request(gw_request *rq) {
    if (host->header_get(rq, GW_REQUEST, GW_STR("x-keep")).len == 0) return GW_CONTINUE;
    return kv->add(rq, GW_STR("kept"), 1, 0, counted, NULL) ? GW_SUSPEND : GW_FAIL;
}
static const gw_plugin table = {
    .magic = GW_MAGIC, .size = sizeof(gw_plugin), .abi_minor = GW_ABI_MINOR, .id = "test.keeper", .version = "1.0.0",
    .summary = "Counts in gw.kv", .create = create, .on_request = on_request,
};
const gw_plugin *gw_plugin_entry_v1(const gw_host *h) {
    host = h;
    return &table;
}
