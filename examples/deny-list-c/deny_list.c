/* deny-list: refuses requests by a list of words and addresses that people manage while the gateway runs.
 *
 * The list is a resource: the declaration below is all that the gateway needs to store it, seal its secret, validate
 * it, audit it, and serve it over REST and on the command line. Here it is a table for each worker, kept current by
 * watch(): no lock, and no question to anybody on the way of a request.
 *
 *     GW_ADMIN    declaration, check(): what a schema cannot say
 *     GW_RECORDS  watch(): every entry before the first request, then every change
 *
 * One file, C99, no library. */

#include <stdlib.h>
#include <string.h>

#include "gateway_plugin.h"

static const char declaration[] =
    "{\"resources\":[{"
    "\"name\":\"denials\",\"singular\":\"denial\",\"title\":\"Deny list\",\"id_prefix\":\"denial\",\"label\":\"/name\","
    "\"description\":\"Words and addresses that are refused.\","
    "\"columns\":[\"/name\",\"/word\",\"/address\",\"/enabled\"],\"unique\":[\"/name\"],"
    "\"schema\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\"],\"properties\":{"
    "\"name\":{\"title\":\"Name\",\"type\":\"string\",\"minLength\":1,\"maxLength\":128},"
    "\"word\":{\"title\":\"Word\",\"description\":\"Refused where it stands in a body, letter for letter.\","
    "\"type\":\"string\",\"minLength\":3,\"maxLength\":200},"
    "\"address\":{\"title\":\"Address\",\"description\":\"Refused as the client's.\",\"type\":\"string\",\"minLength\":2,\"maxLength\":64},"
    "\"enabled\":{\"title\":\"Enabled\",\"type\":\"boolean\",\"default\":true},"
    "\"notice_token\":{\"title\":\"Notice token\","
    "\"description\":\"Who sends it as x-denial-token is told which entry refused.\","
    "\"type\":\"string\",\"minLength\":6,\"maxLength\":200,\"writeOnly\":true}"
    "}}}]}";

static const gw_host *host;

/* ---------------------------------------------------------------- members of a flat JSON object
 *
 * The host hands out valid JSON with the members that the schema allows, so this needs to understand no more. */

static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\') at++;
    return at < end ? at + 1 : end;
}

/* The raw value of a member: a text without its quotation marks, or a word such as true. */
static gw_str member(gw_str json, const char *name) {
    const char *at = json.ptr, *end = json.ptr + json.len;
    const size_t length = strlen(name);
    gw_str none = {NULL, 0};
    if (!json.ptr) return none;
    for (at++; at < end && *at != '}';) {
        if (*at != '"') { at++; continue; }
        const char *key = at + 1, *value = skip_string(at, end);
        const int   found = (size_t)(value - 1 - key) == length && memcmp(key, name, length) == 0;
        while (value < end && (*value == ':' || *value == ' ')) value++;
        const char *after = value < end && *value == '"' ? skip_string(value, end) : value;
        while (after < end && *after != ',' && *after != '}') after++;
        if (found) {
            gw_str raw = {value, (size_t)(after - value)};
            if (*value == '"') raw.ptr++, raw.len -= 2;
            return raw;
        }
        at = after;
    }
    return none;
}

/* Undoes the escapes of a text; what stands for more than a byte is kept as it is written. Malloc'ed. */
static gw_str plain(gw_str raw) {
    gw_str text = {NULL, 0};
    if (!raw.ptr) return text;
    char *copy = malloc(raw.len + 1);
    if (!copy) return text;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '\\' && i + 1 < raw.len && strchr("\"\\/", raw.ptr[i + 1])) i++;
        copy[text.len++] = raw.ptr[i];
    }
    text.ptr = copy;
    return text;
}

static int same(gw_str a, gw_str b) {
    return a.ptr && b.ptr && a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* The same time wherever two secrets of one length differ. */
static int same_secret(gw_str a, gw_str b) {
    unsigned char difference = 0;
    if (!a.ptr || !b.ptr || a.len != b.len) return 0;
    for (size_t i = 0; i < a.len; i++) difference |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return difference == 0;
}

static int contains(gw_str text, gw_str word) {
    if (!text.ptr || !word.ptr || word.len == 0) return 0;
    for (const char *at = text.ptr, *end = text.ptr + text.len; (size_t)(end - at) >= word.len; at++) {
        at = memchr(at, word.ptr[0], (size_t)(end - at) - word.len + 1);
        if (!at) return 0;
        if (memcmp(at, word.ptr, word.len) == 0) return 1;
    }
    return 0;
}

/* -------------------------------------------------------------------------- the list of a worker */

typedef struct entry {
    struct entry *next;
    gw_str        id, name, word, address, token;
} entry;

typedef struct {
    entry *first;
} list;

static const gw_records *records;
static gw_attr           client_ip;
static gw_attr           request_id;

static void release(entry *e) {
    free((char *)e->id.ptr);
    free((char *)e->name.ptr);
    free((char *)e->word.ptr);
    free((char *)e->address.ptr);
    free((char *)e->token.ptr);
    free(e);
}

static void drop(list *l, gw_str id) {
    for (entry **place = &l->first; *place; place = &(*place)->next) {
        if (!same((*place)->id, id)) continue;
        entry *gone = *place;
        *place = gone->next;
        release(gone);
        return;
    }
}

/* Everything there is before the first request, then what changes. */
static void told(gw_request *background, void *user, const gw_record *list_of, size_t count, int32_t complete) {
    list       *l = user;
    const char *at = (const char *)list_of;
    (void)background;
    (void)complete;
    for (size_t i = 0; i < count; i++) {
        const gw_record *record = (const gw_record *)at;
        at += record->size; /* the host's record may be longer than ours */
        drop(l, record->id);
        if (record->flags & GW_RECORD_GONE) continue;
        gw_str enabled = member(record->json, "enabled");
        if (enabled.len == 5) continue; /* false */
        entry *e = calloc(1, sizeof *e);
        if (!e) continue;
        e->id = plain(record->id);
        e->name = plain(member(record->json, "name"));
        e->word = plain(member(record->json, "word"));
        e->address = plain(member(record->json, "address"));
        e->token = plain(member(record->json, "notice_token"));
        e->next = l->first;
        l->first = e;
    }
}

static gw_error start(gw_worker *w) {
    list *l = calloc(1, sizeof *l);
    if (!l) return GW_E_INTERNAL;
    w->user = l;
    gw_error error = records->watch(w, GW_STR("denials"), told, l);
    if (error != GW_OK) {
        free(l);
        w->user = NULL;
    }
    return error;
}

static void stop(gw_worker *w) {
    list *l = w->user;
    while (l->first) {
        entry *next = l->first->next;
        release(l->first);
        l->first = next;
    }
    free(l);
}

/* ------------------------------------------------------------------------------ requests */

static gw_verdict refuse(gw_request *rq, const entry *e) {
    static const gw_pair headers[] = {
        {GW_STR_INIT("content-type"), GW_STR_INIT("application/json")},
        {GW_STR_INIT("x-should-retry"), GW_STR_INIT("false")},
    };
    static const char begin[] = "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"a deny list "
                                "of this gateway refuses the request";
    static const char middle[] = "\"},\"request_id\":\"";
    gw_value id;
    gw_str   shown = {"", 0};
    if (host->attr_get(rq, request_id, &id) != GW_OK) id.text.len = 0;
    if (same_secret(host->header_get(rq, GW_REQUEST, GW_STR("x-denial-token")), e->token)) shown = e->id;
    char  *body = host->alloc(rq, sizeof begin + sizeof middle + shown.len + id.text.len + 16);
    size_t end = 0;
#define PUT(bytes, length) memcpy(body + end, bytes, length), end += (length)
    PUT(begin, sizeof begin - 1);
    if (shown.len) {
        PUT(": ", 2);
        PUT(shown.ptr, shown.len);
    }
    PUT(middle, sizeof middle - 1);
    if (id.text.len) PUT(id.text.ptr, id.text.len);
    PUT("\"}", 2);
    gw_str text = {body, end};
    return host->respond(rq, 403, headers, 2, text) == GW_OK ? GW_RESPOND : GW_FAIL;
}

static gw_verdict on_request(gw_request *rq) {
    gw_value address;
    if (host->attr_get(rq, client_ip, &address) != GW_OK) return GW_CONTINUE;
    for (const entry *e = ((list *)rq->worker->user)->first; e; e = e->next)
        if (same(e->address, address.text)) return refuse(rq, e);
    return GW_CONTINUE;
}

static gw_verdict on_body(gw_request *rq) {
    gw_str body = host->body(rq);
    for (const entry *e = ((list *)rq->worker->user)->first; e; e = e->next)
        if (contains(body, e->word)) return refuse(rq, e);
    return GW_CONTINUE;
}

/* ------------------------------------------------------------------------------ the resource */

/* The schema cannot say that one of the two is needed. */
static gw_error check(gw_request *rq, const gw_change *change) {
    (void)rq;
    if (change->kind == GW_CHANGE_DELETE) return GW_OK;
    if (member(change->after, "word").ptr || member(change->after, "address").ptr) return GW_OK;
    change->refuse(change->answer, GW_STR("/word"), GW_STR("a word or an address is needed"));
    return GW_E_ARGUMENT;
}

static const gw_admin admin = {.size = sizeof(gw_admin), .declaration = declaration, .check = check};

static gw_interface query(const char *id) { return strcmp(id, GW_ADMIN) == 0 ? &admin : NULL; }

static gw_error create(gw_instance *in) {
    records = host->query(in, GW_RECORDS);
    if (!records || !GW_HAS(records, watch)) {
        host->log(in, NULL, GW_LOG_ERROR, GW_STR("this gateway keeps no records; a newer one is needed"));
        return GW_E_UNAVAILABLE;
    }
    client_ip = host->attr(GW_ATTR_CLIENT_IP);
    request_id = host->attr(GW_ATTR_REQUEST_ID);
    return GW_OK;
}

static const gw_plugin plugin = {
    .magic = GW_MAGIC,
    .size = sizeof(gw_plugin),
    .abi_minor = GW_ABI_MINOR,
    .flags = GW_PLUGIN_FAIL_CLOSED,
    .id = "com.example.deny-list",
    .version = "1.0.0",
    .summary = "Refuses requests by a managed list of words and addresses",
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .create = create,
    .worker_start = start,
    .worker_stop = stop,
    .on_request = on_request,
    .on_body = on_body,
    .query = query,
};

const gw_plugin *gw_plugin_entry_v1(const gw_host *h) {
    host = h;
    return &plugin;
}
