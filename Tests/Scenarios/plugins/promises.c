/* A plugin that does what its configuration says, to hold the gateway to the contract:
 * {"mode": "<what> at <hook>"}. When an exchange is over it logs one line:
 * "<name> complete status=S error=E callbacks=C cancelled=X completes=N". */
#define _POSIX_C_SOURCE 200809L
#include "gateway_plugin.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const gw_host *host;

typedef struct settings { char mode[64]; char name[32]; } settings;
typedef struct notes { int callbacks, cancelled, completes, chunks; size_t longest; } notes;

static gw_error create(gw_instance *in) {
    settings *s = calloc(1, sizeof *s);
    gw_value v;
    if (host->config(in, GW_STR("/mode"), &v) == GW_OK) memcpy(s->mode, v.text.ptr, v.text.len < 63 ? v.text.len : 63);
    memcpy(s->name, in->name.ptr, in->name.len < 31 ? in->name.len : 31);
    in->user = s;
    return GW_OK;
}
static void destroy(gw_instance *in) { free(in->user); }

static settings *of(gw_request *rq) { return rq->worker->instance->user; }
static notes *notes_of(gw_request *rq) {
    if (!rq->user) rq->user = host->alloc(rq, sizeof(notes));
    return rq->user;
}
static int is(gw_request *rq, const char *mode) { return strcmp(of(rq)->mode, mode) == 0; }

static gw_verdict ended(gw_request *rq, void *user, const gw_result *r) {
    (void)user;
    notes_of(rq)->callbacks++;
    if (r->error == GW_E_CANCELLED) notes_of(rq)->cancelled++;
    return GW_CONTINUE;
}
static void *signal_twice(void *op) {
    host->signal((gw_op)(uintptr_t)op);
    host->signal((gw_op)(uintptr_t)op);
    return NULL;
}
/* A timer that belongs to no exchange: it ends in a later turn of the loop, when the hook has returned and is suspended. */
static gw_verdict signal_now(gw_request *background, void *op, const gw_result *r) {
    (void)background;
    pthread_t thread;
    if (r->error == GW_OK && pthread_create(&thread, NULL, signal_twice, op) == 0) pthread_detach(thread);
    return GW_CONTINUE;
}
static gw_verdict stage(gw_request *rq) {
    gw_pair headers[2] = {{GW_STR_INIT("x-from"), {of(rq)->name, strlen(of(rq)->name)}},
                          {GW_STR_INIT("content-type"), GW_STR_INIT("text/plain")}};
    return host->respond(rq, 418, headers, 2, GW_STR("short and stout")) == GW_OK ? GW_RESPOND : GW_FAIL;
}
/* What every hook can be told to do. */
static gw_verdict act(gw_request *rq, const char *hook) {
    notes_of(rq);
    char mode[64];
    snprintf(mode, sizeof mode, "fail at %s", hook);
    if (is(rq, mode)) return GW_FAIL;
    snprintf(mode, sizeof mode, "respond at %s", hook);
    if (is(rq, mode)) return stage(rq);
    snprintf(mode, sizeof mode, "respond with nothing at %s", hook);
    if (is(rq, mode)) return GW_RESPOND;
    snprintf(mode, sizeof mode, "finish at %s", hook);
    if (is(rq, mode) && strcmp(hook, "chunk") != 0) return GW_FINISH;
    snprintf(mode, sizeof mode, "invent at %s", hook);
    if (is(rq, mode)) return (gw_verdict)77;
    snprintf(mode, sizeof mode, "suspend on nothing at %s", hook);
    if (is(rq, mode)) return GW_SUSPEND;
    snprintf(mode, sizeof mode, "wait for ever at %s", hook);
    if (is(rq, mode)) {
        host->log(rq->worker->instance, rq, GW_LOG_INFO, GW_STR("waits for ever"));
        return host->expect(rq, ended, NULL) ? GW_SUSPEND : GW_FAIL;
    }
    snprintf(mode, sizeof mode, "wait at %s", hook);
    if (is(rq, mode)) return host->after(rq, 3, ended, NULL) ? GW_SUSPEND : GW_FAIL;
    snprintf(mode, sizeof mode, "thread at %s", hook);
    if (is(rq, mode)) {
        gw_op op = host->expect(rq, ended, NULL);
        if (!op || !host->after(rq->worker->background, 1, signal_now, (void *)(uintptr_t)op)) return GW_FAIL;
        return GW_SUSPEND;
    }
    return GW_CONTINUE;
}
/* Of the thread's own time, so that on a busy machine it lasts longer and the watchdog still sees it. */
static void spin(int milliseconds) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    int64_t until = used.tv_sec * 1000 + used.tv_nsec / 1000000 + milliseconds;
    while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < until) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
}
static gw_verdict on_request(gw_request *rq) {
    if (is(rq, "crash at request")) abort();
    if (is(rq, "spin at request")) spin(400);
    return act(rq, "request");
}
static gw_verdict on_body(gw_request *rq) {
    if (is(rq, "replace the body")) host->body_set(rq, GW_STR("{\"model\":\"replaced\",\"messages\":[]}"));
    return act(rq, "body");
}
static gw_verdict on_select(gw_request *rq) { return act(rq, "select"); }
static gw_verdict on_attempt(gw_request *rq, const gw_attempt *attempt) {
    (void)attempt;
    return act(rq, "attempt");
}
static gw_verdict on_response(gw_request *rq) {
    host->header_add(rq, GW_RESPONSE, GW_STR("x-passed"), (gw_str){of(rq)->name, strlen(of(rq)->name)});
    if (is(rq, "buffer")) host->buffer_response(rq, 1 << 20);
    if (is(rq, "buffer little")) host->buffer_response(rq, 10);
    return act(rq, "response");
}
static int contains(gw_str s, const char *text) {
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= s.len; i++)
        if (memcmp(s.ptr + i, text, length) == 0) return 1;
    return 0;
}
static gw_verdict on_chunk(gw_request *rq, const gw_chunk *chunk) {
    notes *n = notes_of(rq);
    n->chunks++;
    if (chunk->raw.len > n->longest) n->longest = chunk->raw.len;
    if (is(rq, "double")) {
        host->emit(rq, chunk->raw);
        host->emit(rq, chunk->raw);
    }
    if (is(rq, "drop pings") && (chunk->flags & GW_CHUNK_SSE) && contains(chunk->event, "ping")) host->emit(rq, GW_STR(""));
    if (is(rq, "retry on error") && !(rq->flags & GW_REQUEST_COMMITTED) && contains(chunk->raw, "overloaded_error"))
        return GW_RETRY;
    if (is(rq, "finish at chunk") && n->chunks == 2) {
        host->emit(rq, GW_STR("event: bye\ndata: {}\n\n"));
        return GW_FINISH;
    }
    return act(rq, "chunk");
}
static void on_complete(gw_request *rq, const gw_summary *summary) {
    notes *n = notes_of(rq);
    n->completes++;
    char line[200];
    int length = snprintf(
        line, sizeof line, "%s complete status=%d error=%d callbacks=%d cancelled=%d completes=%d chunks=%d longest=%zu paused=%d",
        of(rq)->name, summary->status, summary->error, n->callbacks, n->cancelled, n->completes, n->chunks, n->longest,
        summary->paused_ns > 0);
    host->log(rq->worker->instance, rq, GW_LOG_INFO, (gw_str){line, (size_t)length});
}
static const gw_plugin table = {
    .magic = GW_MAGIC, .size = sizeof(gw_plugin), .abi_minor = GW_ABI_MINOR, .id = "test.promises", .version = "1.0.0",
    .summary = "Does what it is told", .create = create, .destroy = destroy, .on_request = on_request, .on_body = on_body,
    .on_select = on_select, .on_attempt = on_attempt, .on_response = on_response, .on_chunk = on_chunk,
    .on_complete = on_complete,
};
const gw_plugin *gw_plugin_entry_v1(const gw_host *h) {
    host = h;
    return &table;
}
