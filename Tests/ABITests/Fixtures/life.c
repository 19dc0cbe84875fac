/* Records the order of its life in the probe: value[0] counts events, value[1...] are the events.
 * {"fail": "create"} makes create fail, {"fail": "start"} worker_start. */
#include "fixture.h"
#ifndef STATE
#define STATE 0
#endif
static void note(probe *p, int64_t what) { p->value[++p->value[0]] = what; }
static int64_t tag(gw_instance *in) {
    gw_value v;
    return host->config(in, GW_STR("/tag"), &v) == GW_OK ? v.i : 0;
}
static int fails(gw_instance *in, const char *where) {
    gw_value v;
    return host->config(in, GW_STR("/fail"), &v) == GW_OK && v.type == GW_TEXT && v.text.len == strlen(where) &&
           memcmp(v.text.ptr, where, v.text.len) == 0;
}
static gw_error create(gw_instance *in) {
    if (keep_probe(in) != GW_OK) return GW_E_ARGUMENT;
    note((probe *)in->user, 1000 + tag(in));
    if (fails(in, "create")) {
        host->log(in, NULL, GW_LOG_ERROR, GW_STR("first complaint"));
        host->log(in, NULL, GW_LOG_ERROR, GW_STR("the flux is missing; add `flux:`"));
        return GW_E_ARGUMENT;
    }
    return GW_OK;
}
static void destroy(gw_instance *in) { note((probe *)in->user, 2000 + tag(in)); }
static gw_error start(gw_worker *w) {
    note((probe *)w->instance->user, 3000 + tag(w->instance));
    return fails(w->instance, "start") ? GW_E_UNAVAILABLE : GW_OK;
}
static void stop(gw_worker *w) { note((probe *)w->instance->user, 4000 + tag(w->instance)); }
static gw_verdict hook(gw_request *rq) { (void)rq; return GW_CONTINUE; }

static gw_error save(gw_instance *from, gw_write *write, void *context) {
    probe *p = (probe *)from->user;
    write(context, GW_STR("v1:"));
    write(context, (gw_str){(const char *)&p->value[60], sizeof p->value[60]});
    return GW_OK;
}
static gw_error load(gw_instance *to, gw_str bytes) {
    probe *p = (probe *)to->user;
    if (bytes.len != 3 + sizeof p->value[61] || memcmp(bytes.ptr, "v1:", 3) != 0) return GW_E_ARGUMENT;
    memcpy(&p->value[61], bytes.ptr + 3, sizeof p->value[61]);
    note(p, 5000 + tag(to));
    return GW_OK;
}
static const gw_state state = {.size = sizeof(gw_state), .save = save, .load = load};
static gw_interface query(const char *id) { return strcmp(id, GW_STATE) == 0 ? &state : NULL; }
static const gw_plugin table = {TABLE, .create = create, .destroy = destroy, .worker_start = start,
                                .worker_stop = stop, .on_request = hook, .on_chunk = NULL, .query = query};
ENTRY(table)
