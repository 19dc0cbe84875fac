/* What every fixture shares: a place in the test's memory to write observations to. The test puts its
 * address into the configuration, as {"probe": "1234567"}. */
#ifndef FIXTURE_H
#define FIXTURE_H
#include "gateway_plugin.h"
#include <stdlib.h>
#include <string.h>

static const gw_host *host;

typedef struct probe {
    int64_t value[64];
} probe;

static inline probe *probe_of(gw_instance *in) {
    gw_value v;
    if (host->config(in, GW_STR("/probe"), &v) != GW_OK || v.type != GW_TEXT) return NULL;
    char digits[32] = {0};
    memcpy(digits, v.text.ptr, v.text.len < 31 ? v.text.len : 31);
    return (probe *)(uintptr_t)strtoull(digits, NULL, 10);
}
static inline gw_error keep_probe(gw_instance *in) {
    in->user = probe_of(in);
    return in->user ? GW_OK : GW_E_ARGUMENT;
}
#define PROBE(rq) ((probe *)(rq)->worker->instance->user)

/* The fields a table must have; hooks follow. */
#define TABLE .magic = GW_MAGIC, .size = sizeof(gw_plugin), .abi_minor = GW_ABI_MINOR, \
              .id = "test.fixture", .version = "1.0.0", .summary = "A fixture"

#define ENTRY(table)                                                                               \
    const gw_plugin *gw_plugin_entry_v1(const gw_host *h) {                                        \
        host = h;                                                                                  \
        return &(table);                                                                           \
    }
#endif
