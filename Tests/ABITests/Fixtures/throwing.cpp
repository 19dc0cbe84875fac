// A hook that may throw. It does not compile as C++17, where hooks are noexcept by type.
#include "gateway_plugin.h"
#include <stdexcept>
static gw_error create(gw_instance *) { return GW_OK; }
static gw_verdict on_request(gw_request *) { throw std::runtime_error("across the boundary"); }
static gw_plugin make() {
    gw_plugin table = {};
    table.magic = GW_MAGIC;
    table.size = sizeof(gw_plugin);
    table.id = "test.throwing";
    table.version = "1.0.0";
    table.summary = "Throws";
#ifdef WITHOUT_THROWING
    (void)on_request;
#else
    table.on_request = on_request;
#endif
    (void)create;
    return table;
}
const gw_plugin *gw_plugin_entry_v1(const gw_host *) {
    static const gw_plugin table = make();
    return &table;
}
