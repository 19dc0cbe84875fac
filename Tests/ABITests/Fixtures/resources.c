/* Declares one resource, doors. check looks at the name in `after`: "refuse", "store", "bad-store" (no object),
 * "bad-schema" (its own schema refuses it), "error" (GW_E_LIMIT alone), "keep" (keeps the answer and uses it in the
 * next check), "respond" (stages a response). 0 kind, 1 length of before, 2 of after, -1 absent; 3 the late call was made.
 * act: "echo" answers with the input, "wait" suspends first, "stay" suspends with nothing pending.
 * fixed: two records, one with a secret; {"fixed": "bad"} writes no array. DECLARATION and ADMIN_SIZE can be overridden. */
#include "fixture.h"
#ifndef DECLARATION
#define DECLARATION                                                                                \
    "{\"resources\":[{\"name\":\"doors\",\"singular\":\"door\",\"title\":\"Doors\",\"id_prefix\":\"door\",\"label\":\"/name\"," \
    "\"schema\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\"],\"properties\":{"                  \
    "\"name\":{\"type\":\"string\"},\"code\":{\"type\":\"string\",\"writeOnly\":true},"                                          \
    "\"opens\":{\"type\":\"integer\",\"default\":3},\"seen\":{\"type\":\"string\",\"readOnly\":true}}},"                          \
    "\"actions\":[{\"name\":\"echo\",\"title\":\"Echo\"},{\"name\":\"wait\",\"title\":\"Wait\"}]}]}"
#endif
#ifndef ADMIN_SIZE
#define ADMIN_SIZE sizeof(gw_admin)
#endif
static int has(gw_str text, const char *part) {
    return text.ptr && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}
static int64_t length(gw_str text) { return text.ptr ? (int64_t)text.len : -1; }
static void *kept;
static void (*kept_refuse)(void *, gw_str, gw_str);
static gw_error check(gw_request *rq, const gw_change *c) {
    int64_t *v = PROBE(rq)->value;
    v[0] = c->kind, v[1] = length(c->before), v[2] = length(c->after);
    if (has(c->after, "\"refuse\"")) {
        c->refuse(c->answer, GW_STR("/name"), GW_STR("is no name for a door"));
        c->refuse(c->answer, GW_STR("/opens"), GW_STR("is too much"));
        return GW_E_ARGUMENT;
    }
    if (has(c->after, "\"store\"")) {
        c->store(c->answer, GW_STR("{\"name\":\"store\",\"code\":\"9\",\"seen\":\"now\"}"));
        c->reveal(c->answer, GW_STR("{\"code\":\"9\"}"));
    }
    if (has(c->after, "\"bad-store\"")) c->store(c->answer, GW_STR("[1"));
    if (has(c->after, "\"bad-schema\"")) c->store(c->answer, GW_STR("{\"name\":7}"));
    if (has(c->after, "\"error\"")) return GW_E_LIMIT;
    if (has(c->after, "\"respond\"")) return host->respond(rq, 200, NULL, 0, GW_STR("hello"));
    if (has(c->after, "\"keep\"")) kept = c->answer, kept_refuse = c->refuse;
    return GW_OK;
}
static gw_verdict answer(gw_request *rq, void *user, const gw_result *result) {
    const gw_action *a = user;
    (void)result;
    return host->respond(rq, 200, NULL, 0, a->input) == GW_OK ? GW_RESPOND : GW_FAIL;
}
static gw_verdict act(gw_request *rq, const gw_action *a) {
    PROBE(rq)->value[10] = length(a->record), PROBE(rq)->value[11] = a->revision, PROBE(rq)->value[12] = length(a->id);
    if (kept) kept_refuse(kept, GW_STR("/late"), GW_STR("too late")), PROBE(rq)->value[3] = 1, kept = NULL;
    if (has(a->action, "echo")) return answer(rq, (void *)a, NULL);
    if (has(a->action, "wait")) return host->after(rq, 1, answer, (void *)a) ? GW_SUSPEND : GW_FAIL;
    return GW_SUSPEND;
}
static gw_error fixed(gw_instance *in, gw_str resource, gw_write *write, void *context) {
    gw_value v;
    if (!has(resource, "doors")) return GW_E_ABSENT;
    if (host->config(in, GW_STR("/fixed"), &v) == GW_OK) return write(context, GW_STR("{}")), GW_OK;
    write(context, GW_STR("[{\"id\":\"one\",\"name\":\"1\",\"code\":\"secret\"},"));
    write(context, GW_STR("{\"id\":\"config:two\",\"name\":\"2\"},{\"name\":\"without an id\"}]"));
    return GW_OK;
}
static gw_error create(gw_instance *in) { return keep_probe(in); }
static const gw_admin admin = {.size = ADMIN_SIZE, .declaration = DECLARATION, .check = check, .act = act, .fixed = fixed};
static gw_interface query(const char *id) { return strcmp(id, GW_ADMIN) == 0 ? &admin : NULL; }
static const gw_plugin table = {TABLE, .create = create, .query = query};
ENTRY(table)
