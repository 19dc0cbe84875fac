/* header-guard: a request must carry a header with one of the configured values.
 *
 *     config: { header: x-team, values: [ research, support ] }
 *
 * Whoever lacks it gets 403 in the API's own words. Whoever has it finds the value again in the
 * response, so that a client sees what it was counted as.
 *
 * One file, C99, no library. State of the configured instance hangs on gw_instance.user; workers
 * only read it, so there is no lock. */

#include <stdlib.h>
#include <string.h>

#include "gateway_plugin.h"

enum { VALUE_LIMIT = 64 };

typedef struct {
    gw_str header;
    gw_str values[VALUE_LIMIT]; /* views of the configuration: they live in the instance */
    size_t count;
} guard;

static const gw_host *host;
static gw_attr        team;
static gw_attr        request_id;

static gw_error fail(gw_instance *in, const char *why) {
    gw_str text = {why, strlen(why)};
    host->log(in, NULL, GW_LOG_ERROR, text); /* the last error is what the operator reads */
    return GW_E_ARGUMENT;
}

static gw_error create(gw_instance *in) {
    gw_value value;
    guard   *g = calloc(1, sizeof *g);
    if (!g) return GW_E_INTERNAL;
    if (host->config(in, GW_STR("/header"), &value) != GW_OK || value.type != GW_TEXT) {
        free(g);
        return fail(in, "/header: the name of a header is needed");
    }
    g->header = value.text;
    for (; g->count < VALUE_LIMIT; g->count++) {
        char   pointer[16] = "/values/";
        size_t length = 8;
        if (g->count >= 10) pointer[length++] = (char)('0' + g->count / 10);
        pointer[length++] = (char)('0' + g->count % 10);
        gw_str place = {pointer, length};
        if (host->config(in, place, &value) != GW_OK || value.type != GW_TEXT) break;
        g->values[g->count] = value.text;
    }
    if (g->count == 0) {
        free(g);
        return fail(in, "/values: at least one value is needed");
    }
    team = host->attr("com.example.team");
    request_id = host->attr(GW_ATTR_REQUEST_ID);
    in->user = g;
    return GW_OK;
}

static void destroy(gw_instance *in) { free(in->user); }

static int is_known(const guard *g, gw_str value) {
    for (size_t i = 0; i < g->count; i++) {
        if (g->values[i].len == value.len && memcmp(g->values[i].ptr, value.ptr, value.len) == 0)
            return 1;
    }
    return 0;
}

/* Puts text at `end` and returns the new end; the caller has made the room. */
static char *put(char *end, const char *text, size_t length) {
    memcpy(end, text, length);
    return end + length;
}
#define PUT(end, literal) put(end, literal, sizeof(literal) - 1)

static gw_verdict refuse(gw_request *rq, const guard *g) {
    static const gw_pair headers[] = {
        {GW_STR_INIT("content-type"), GW_STR_INIT("application/json")},
        {GW_STR_INIT("x-should-retry"), GW_STR_INIT("false")},
    };
    gw_value id;
    if (host->attr_get(rq, request_id, &id) != GW_OK) id.text.len = 0;
    char *body = host->alloc(rq, 256 + g->header.len + id.text.len);
    char *end = PUT(body, "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":"
                          "\"the header ");
    end = put(end, g->header.ptr, g->header.len);
    end = PUT(end, " is missing or has a value that is not known here\"},\"request_id\":\"");
    if (id.text.len) end = put(end, id.text.ptr, id.text.len);
    end = PUT(end, "\"}");
    gw_str text = {body, (size_t)(end - body)};
    return host->respond(rq, 403, headers, 2, text) == GW_OK ? GW_RESPOND : GW_FAIL;
}

static gw_verdict on_request(gw_request *rq) {
    const guard *g = rq->worker->instance->user;
    gw_str       given = host->header_get(rq, GW_REQUEST, g->header);
    if (!given.ptr || !is_known(g, given)) return refuse(rq, g);
    gw_value value = {GW_TEXT, 0, 0, 0, given};
    return host->attr_set(rq, team, &value) == GW_OK ? GW_CONTINUE : GW_FAIL;
}

static gw_verdict on_response(gw_request *rq) {
    gw_value value;
    if (host->attr_get(rq, team, &value) == GW_OK)
        host->header_set(rq, GW_RESPONSE, GW_STR("x-counted-as"), value.text);
    return GW_CONTINUE;
}

static const gw_plugin plugin = {
    .magic = GW_MAGIC,
    .size = sizeof(gw_plugin),
    .abi_minor = GW_ABI_MINOR,
    .flags = GW_PLUGIN_FAIL_CLOSED,
    .id = "com.example.header-guard",
    .version = "1.0.0",
    .summary = "Lets in requests that carry a known header",
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false,"
                     "\"required\":[\"header\",\"values\"],\"properties\":{"
                     "\"header\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9-]+$\"},"
                     "\"values\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":64,"
                     "\"items\":{\"type\":\"string\",\"minLength\":1}}}}",
    .create = create,
    .destroy = destroy,
    .on_request = on_request,
    .on_response = on_response,
};

const gw_plugin *gw_plugin_entry_v1(const gw_host *h) {
    host = h;
    return &plugin;
}
