/* Tables that a host must refuse or complete, one per value of VARIANT. */
#include "fixture.h"
__attribute__((unused)) static gw_error create(gw_instance *in) { (void)in; return GW_OK; }
__attribute__((unused)) static gw_verdict hook(gw_request *rq) { (void)rq; return GW_CONTINUE; }
#if VARIANT == 1 /* wrong magic */
static const gw_plugin table = {TABLE, .create = create};
static gw_plugin given;
const gw_plugin *gw_plugin_entry_v1(const gw_host *h) { host = h; given = table; given.magic = 0x12345678; return &given; }
#elif VARIANT == 2 /* a size that ends before create */
static gw_plugin given = {TABLE, .create = create};
const gw_plugin *gw_plugin_entry_v1(const gw_host *h) { host = h; given.size = offsetof(gw_plugin, create); return &given; }
#elif VARIANT == 3 /* no create */
static const gw_plugin table = {TABLE, .on_request = hook};
ENTRY(table)
#elif VARIANT == 4 /* no entry point */
int something_else(void);
int something_else(void) { (void)create; (void)hook; return 0; }
#elif VARIANT == 5 /* refuses this host */
const gw_plugin *gw_plugin_entry_v1(const gw_host *h) { (void)h; (void)create; (void)hook; return NULL; }
#elif VARIANT == 6 /* an old, shorter table; what lies behind it in memory is not part of it */
static gw_plugin given = {TABLE, .create = create, .on_request = hook, .on_body = hook, .on_admin = hook};
const gw_plugin *gw_plugin_entry_v1(const gw_host *h) {
    host = h;
    given.size = offsetof(gw_plugin, on_body);
    return &given;
}
#elif VARIANT == 7 /* a newer, longer table */
static struct { gw_plugin known; void (*later)(void); } given = {{TABLE, .create = create, .on_request = hook}, NULL};
const gw_plugin *gw_plugin_entry_v1(const gw_host *h) {
    host = h;
    given.known.size = sizeof given;
    given.known.abi_minor = 7;
    return &given.known;
}
#elif VARIANT == 8 /* insists on fail_closed */
static const gw_plugin table = {TABLE, .flags = GW_PLUGIN_FAIL_CLOSED, .create = create, .on_request = hook};
ENTRY(table)
#elif VARIANT == 9 /* no id */
static gw_plugin given = {TABLE, .create = create};
const gw_plugin *gw_plugin_entry_v1(const gw_host *h) { host = h; given.id = NULL; return &given; }
#endif
