/* Watches doors and does to records what the probe says.
 * worker_start: 0 watch doors, 1 watch of what nobody declares, 2 watch of houses, which doors refer to (when REFERS).
 * watcher: 4 records told, 5 complete, 6 last revision, 7 gone, 8 calls, 9 documents with their secret open,
 *   10 a call after complete that said it is not, 11 put() from in here was started.
 * on_request: 12 watch outside of worker_start, 13 on a worker of nobody's start.
 * on_body does one thing: 30 what (1 get, 2 put, 3 remove), 31 expected, 32 document (0 fine, 1 refused by the schema, 2 no
 *   JSON, 3 and 4 with a secret), 33 id (0 door_1, 1 config:x, 2 empty, 3 door_2), 34 collection (0 doors, 1 windows, 2 houses);
 *   35 error, 36 number, 37 length of bytes, 38 endings.
 * create: 40 derive, 41 and 42 its first words for two purposes, 43 derive without a purpose. */
#include "fixture.h"
#ifndef REFERENCE
#define REFERENCE ""
#endif
#ifndef NAME
#define NAME "door"
#endif
#define DECLARATION                                                                                \
    "{\"resources\":[{\"name\":\"" NAME "s\",\"singular\":\"" NAME "\",\"title\":\"T\",\"id_prefix\":\"" NAME "\",\"label\":\"/name\"," \
    "\"schema\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\"],\"properties\":{" REFERENCE \
    "\"name\":{\"type\":\"string\"},\"code\":{\"type\":\"string\",\"writeOnly\":true},\"opens\":{\"type\":\"integer\",\"default\":3}}}}]}"
static const gw_records *records;
static int contains(gw_str text, const char *part) { return text.ptr && memmem(text.ptr, text.len, part, strlen(part)) != NULL; }
static gw_verdict ended(gw_request *rq, void *user, const gw_result *r) {
    int64_t *v = PROBE(rq)->value;
    (void)user;
    v[35] = r->error, v[36] = r->number, v[37] = (int64_t)r->bytes.len, v[38]++;
    return GW_CONTINUE;
}
static void told(gw_request *rq, void *user, const gw_record *list, size_t count, int32_t complete) {
    int64_t *v = user;
    const char *at = (const char *)list;
    v[8]++;
    if (v[5] && !complete) v[10]++;
    v[5] = complete;
    for (size_t i = 0; i < count; i++, at += list->size) {
        const gw_record *record = (const gw_record *)at;
        v[4]++, v[6] = record->revision;
        if (record->flags & GW_RECORD_GONE) v[7] += record->json.ptr == NULL;
        if (contains(record->json, "\"code\":\"open\"")) v[9]++;
    }
    if (v[50]) {
        v[50] = 0;
        v[11] = records->put(rq, GW_STR(NAME "s"), GW_STR("made"), GW_STR("{\"name\":\"made\"}"), GW_REVISION_ABSENT, ended, NULL) != 0;
    }
}
static gw_error start(gw_worker *w) {
    int64_t *v = ((probe *)w->instance->user)->value;
    v[0] = records->watch(w, GW_STR(NAME "s"), told, v);
    v[1] = records->watch(w, GW_STR("windows"), told, v);
    v[2] = records->watch(w, GW_STR("houses"), told, v);
    return GW_OK;
}
static gw_verdict on_request(gw_request *rq) {
    PROBE(rq)->value[12] = records->watch(rq->worker, GW_STR(NAME "s"), told, PROBE(rq)->value);
    return GW_CONTINUE;
}
static gw_verdict on_body(gw_request *rq) {
    static const gw_str ids[] = {GW_STR_INIT("door_1"), GW_STR_INIT("config:x"), GW_STR_INIT(""), GW_STR_INIT("door_2")};
    static const gw_str names[] = {GW_STR_INIT(NAME "s"), GW_STR_INIT("windows"), GW_STR_INIT("houses")};
    static const gw_str documents[] = {GW_STR_INIT("{\"name\":\"n\"}"), GW_STR_INIT("{\"name\":7}"), GW_STR_INIT("{"),
                                       GW_STR_INIT("{\"name\":\"n\",\"code\":\"open\"}"),
                                       GW_STR_INIT("{\"name\":\"n\",\"code\":\"canary-of-a-door-7731\"}")};
    int64_t *v = PROBE(rq)->value;
    gw_str id = ids[v[33]], name = names[v[34]];
    gw_op op = v[30] == 1   ? records->get(rq, name, id, ended, NULL)
               : v[30] == 2 ? records->put(rq, name, id, documents[v[32]], v[31], ended, NULL)
                            : records->remove(rq, name, id, v[31], ended, NULL);
    return op ? GW_SUSPEND : GW_FAIL;
}
static gw_error create(gw_instance *in) {
    uint8_t bytes[32];
    if (keep_probe(in) != GW_OK) return GW_E_ARGUMENT;
    int64_t *v = ((probe *)in->user)->value;
    records = host->query(in, GW_RECORDS);
    if (!records || !GW_HAS(records, derive)) return GW_E_UNAVAILABLE;
    v[40] = records->derive(in, GW_STR("one"), bytes);
    memcpy(&v[41], bytes, 8);
    records->derive(in, GW_STR("two"), bytes);
    memcpy(&v[42], bytes, 8);
    v[43] = records->derive(in, GW_STR(""), bytes);
    return GW_OK;
}
static const gw_admin admin = {.size = sizeof(gw_admin), .declaration = DECLARATION};
static gw_interface query(const char *id) { return strcmp(id, GW_ADMIN) == 0 ? &admin : NULL; }
static const gw_plugin table = {TABLE, .create = create, .worker_start = start, .on_request = on_request,
                                .on_body = on_body, .query = query};
ENTRY(table)
