// first-event: tells in the log how long each stream took to its first words.
//
// Looks at server-sent events until the first `content_block_delta`, then asks the host for no more
// of them, so that the rest of the stream costs this plugin nothing. What it has to remember lives in
// memory of the request, which nobody has to free.
//
// C++17, because there a hook that could throw does not compile: the hooks are noexcept by type.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>

#include "gateway_plugin.h"

namespace {

const gw_host *host;

struct Watch {
    std::uint64_t start_ns;
    unsigned      events;
};

// A class is allowed inside; only nothing may be thrown out of a hook.
bool equals(gw_str text, const char *other) noexcept {
    return text.ptr && text.len == std::strlen(other) && std::memcmp(text.ptr, other, text.len) == 0;
}

gw_error create(gw_instance *) noexcept { return GW_OK; }

gw_verdict on_request(gw_request *rq) noexcept {
    rq->user = new (host->alloc(rq, sizeof(Watch))) Watch{host->clock(GW_CLOCK_MONOTONIC), 0};
    return GW_CONTINUE;
}

gw_verdict on_response(gw_request *rq) noexcept {
    if (!(rq->flags & GW_REQUEST_SSE)) host->unsubscribe(rq, GW_ON_CHUNK);
    return GW_CONTINUE;
}

gw_verdict on_chunk(gw_request *rq, const gw_chunk *chunk) noexcept {
    auto *watch = static_cast<Watch *>(rq->user);
    if (!watch) return GW_CONTINUE;
    watch->events++;
    if (!equals(chunk->event, "content_block_delta")) return GW_CONTINUE;
    const auto ms = (host->clock(GW_CLOCK_MONOTONIC) - watch->start_ns) / 1'000'000;
    char       text[96];
    const int  length = std::snprintf(text, sizeof text, "first words after %llu ms and %u events",
                                      static_cast<unsigned long long>(ms), watch->events);
    host->log(rq->worker->instance, rq, GW_LOG_INFO, gw_str{text, static_cast<std::size_t>(length)});
    host->unsubscribe(rq, GW_ON_CHUNK);
    return GW_CONTINUE;
}

const gw_plugin *plugin() noexcept {
    static const gw_plugin table = [] {
        gw_plugin t{};
        t.magic = GW_MAGIC;
        t.size = sizeof(gw_plugin);
        t.abi_minor = GW_ABI_MINOR;
        t.id = "com.example.first-event";
        t.version = "1.0.0";
        t.summary = "Logs how long a stream took to its first words";
        t.create = create;
        t.on_request = on_request;
        t.on_response = on_response;
        t.on_chunk = on_chunk;
        return t;
    }();
    return &table;
}

} // namespace

const gw_plugin *gw_plugin_entry_v1(const gw_host *h) {
    host = h;
    return plugin();
}
