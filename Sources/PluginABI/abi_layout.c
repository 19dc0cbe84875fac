/* The contract of ABI 1.0, pinned.
 *
 * Every size, offset, member type, function signature, enumerator and constant of gateway_plugin.h
 * as it shipped. A line in here is never changed and never removed: what it says is compiled into
 * plugins that nobody can rebuild. A header that grows legally (a member at the end of a struct
 * that has a `size`, a new constant, a new table) compiles with all of it; what is new then gets
 * lines of its own below the old ones.
 *
 * A 64-bit machine is assumed, as everywhere in the contract. No code comes of this file. */

#include "gateway_plugin.h"

_Static_assert(sizeof(void *) == 8, "the contract is for 64-bit machines");

/* A struct that has a `size` may have grown; the others are exactly as they were. */
#define IS(t, bytes) _Static_assert(sizeof(t) == (bytes), #t " has another size")
#define REACHES(t, bytes) _Static_assert(sizeof(t) >= (bytes), #t " has shrunk")
#define MEMBER(t, m, offset, ...)                                                                  \
    _Static_assert(offsetof(t, m) == (offset), #t "." #m " has moved");                            \
    _Static_assert(__builtin_types_compatible_p(__typeof__(((t *)0)->m), __VA_ARGS__),             \
                   #t "." #m " has another type")
#define FUNCTION(t, ...)                                                                           \
    _Static_assert(__builtin_types_compatible_p(t, __VA_ARGS__), #t " has another signature")
#define VALUE(name, value) _Static_assert((name) == (value), #name " has another value")
#define TEXT(name, value)                                                                          \
    _Static_assert(__builtin_strcmp(name, value) == 0, #name " says something else")

/* ------------------------------------------------------------------------------- constants */

VALUE(GW_ABI_MAJOR, 1u);
VALUE(GW_ABI_MINOR, 0u);
VALUE(GW_MAGIC, 0x31505747u);
VALUE(GW_REQUEST_COMMITTED, 0x1u);
VALUE(GW_REQUEST_LOCAL, 0x2u);
VALUE(GW_REQUEST_SSE, 0x4u);
VALUE(GW_REQUEST_BACKGROUND, 0x8u);
VALUE(GW_ATTEMPT_LAST, 0x1u);
VALUE(GW_ATTEMPT_MAY_HAVE_RUN, 0x2u);
VALUE(GW_ATTEMPT_PROXY_FAILED, 0x4u);
VALUE(GW_ATTEMPT_NOT_DIALLED, 0x8u);
VALUE(GW_CHUNK_LAST, 0x1u);
VALUE(GW_CHUNK_SSE, 0x2u);
VALUE(GW_ON_BODY, 0x01u);
VALUE(GW_ON_SELECT, 0x02u);
VALUE(GW_ON_ATTEMPT, 0x04u);
VALUE(GW_ON_RESPONSE, 0x08u);
VALUE(GW_ON_CHUNK, 0x10u);
VALUE(GW_PLUGIN_FAIL_CLOSED, 0x1u);
VALUE(GW_PLUGIN_KEEPS_STATE, 0x2u);
TEXT(GW_PLUGIN_ENTRY, "gw_plugin_entry_v1");
TEXT(GW_KV, "gw.kv/1");
VALUE(GW_KV_SHARED, 0x1u);
TEXT(GW_FETCH, "gw.fetch/1");
TEXT(GW_METRICS, "gw.metrics/1");
TEXT(GW_LIMITER, "gw.limiter/1");
TEXT(GW_JSON, "gw.json/1");
TEXT(GW_CONTROL, "gw.control/1");
TEXT(GW_STATE, "gw.state/1");
TEXT(GW_ATTR_CLIENT_IP, "gw.client.ip");
TEXT(GW_ATTR_REQUEST_ID, "gw.request.id");
TEXT(GW_ATTR_ROUTE, "gw.route");
TEXT(GW_ATTR_MODEL, "gw.model");
TEXT(GW_ATTR_STREAM, "gw.stream");
TEXT(GW_ATTR_SESSION, "gw.session");
TEXT(GW_ATTR_PRINCIPAL, "gw.principal");
TEXT(GW_ATTR_TENANT, "gw.tenant");
TEXT(GW_ATTR_ACCOUNT, "gw.account");
TEXT(GW_ATTR_EGRESS, "gw.egress");
TEXT(GW_ATTR_EGRESS_AGAIN, "gw.egress.again");
TEXT(GW_ATTR_TOKENS_INPUT, "gw.tokens.input");
TEXT(GW_ATTR_TOKENS_OUTPUT, "gw.tokens.output");
TEXT(GW_ATTR_CACHE_READ, "gw.tokens.cache_read");
TEXT(GW_ATTR_CACHE_WRITE_5M, "gw.tokens.cache_write_5m");
TEXT(GW_ATTR_CACHE_WRITE_1H, "gw.tokens.cache_write_1h");
TEXT(GW_ATTR_END_REASON, "gw.end.reason");
TEXT(GW_ATTR_DENIED_BY, "gw.denied.by");

/* ---------------------------------------------------------------------------- enumerators */

VALUE(GW_OK, 0);
VALUE(GW_E_ARGUMENT, -1);
VALUE(GW_E_STATE, -2);
VALUE(GW_E_ABSENT, -3);
VALUE(GW_E_LIMIT, -4);
VALUE(GW_E_CONFLICT, -5);
VALUE(GW_E_TIMEOUT, -6);
VALUE(GW_E_CANCELLED, -7);
VALUE(GW_E_UNAVAILABLE, -8);
VALUE(GW_E_FORBIDDEN, -9);
VALUE(GW_E_INTERNAL, -10);
VALUE(GW_CONTINUE, 0);
VALUE(GW_SUSPEND, 1);
VALUE(GW_RESPOND, 2);
VALUE(GW_RETRY, 3);
VALUE(GW_FINISH, 4);
VALUE(GW_FAIL, -1);
VALUE(GW_LOG_TRACE, 0);
VALUE(GW_LOG_DEBUG, 1);
VALUE(GW_LOG_INFO, 2);
VALUE(GW_LOG_WARN, 3);
VALUE(GW_LOG_ERROR, 4);
VALUE(GW_CLOCK_MONOTONIC, 0);
VALUE(GW_CLOCK_WALL, 1);
VALUE(GW_REQUEST, 0);
VALUE(GW_RESPONSE, 1);
VALUE(GW_RESULT, 2);
VALUE(GW_NONE, 0);
VALUE(GW_BOOL, 1);
VALUE(GW_INT, 2);
VALUE(GW_REAL, 3);
VALUE(GW_TEXT, 4);
VALUE(GW_LIST, 5);
VALUE(GW_MAP, 6);
VALUE(GW_COUNTER, 0);
VALUE(GW_GAUGE, 1);
VALUE(GW_HISTOGRAM, 2);
VALUE(GW_DEMAND_RATE, 0);
VALUE(GW_DEMAND_LEASE, 1);
VALUE(GW_DEMAND_BUDGET, 2);

/* ------------------------------------------------------------------------ types of numbers */

FUNCTION(gw_error, int32_t);
FUNCTION(gw_verdict, int32_t);
FUNCTION(gw_level, int32_t);
FUNCTION(gw_clock, int32_t);
FUNCTION(gw_side, int32_t);
FUNCTION(gw_type, int32_t);
FUNCTION(gw_metric_kind, int32_t);
FUNCTION(gw_demand_kind, int32_t);
FUNCTION(gw_without_store, int32_t);
FUNCTION(gw_attr, uint32_t);
FUNCTION(gw_op, uint64_t);
FUNCTION(gw_metric, uint64_t);
FUNCTION(gw_series, uint64_t);
FUNCTION(gw_interface, const void *);

/* ------------------------------------------------------------------- signatures of hooks */

FUNCTION(gw_done, gw_verdict (gw_request *, void *, const gw_result *));
FUNCTION(gw_create_hook, gw_error (gw_instance *));
FUNCTION(gw_destroy_hook, void (gw_instance *));
FUNCTION(gw_start_hook, gw_error (gw_worker *));
FUNCTION(gw_stop_hook, void (gw_worker *));
FUNCTION(gw_hook, gw_verdict (gw_request *));
FUNCTION(gw_attempt_hook, gw_verdict (gw_request *, const gw_attempt *));
FUNCTION(gw_chunk_hook, gw_verdict (gw_request *, const gw_chunk *));
FUNCTION(gw_complete_hook, void (gw_request *, const gw_summary *));
FUNCTION(gw_plugin_entry_fn, const gw_plugin *(const gw_host *));
FUNCTION(gw_write, void (void *, gw_str));
FUNCTION(__typeof__(gw_plugin_entry_v1), const gw_plugin *(const gw_host *));

/* --------------------------------------------------------------------------------- structs */

IS(gw_str, 16);
MEMBER(gw_str, ptr, 0, const char *);
MEMBER(gw_str, len, 8, size_t);

IS(gw_pair, 32);
MEMBER(gw_pair, name, 0, gw_str);
MEMBER(gw_pair, value, 16, gw_str);

IS(gw_value, 40);
MEMBER(gw_value, type, 0, gw_type);
MEMBER(gw_value, reserved, 4, uint32_t);
MEMBER(gw_value, i, 8, int64_t);
MEMBER(gw_value, real, 16, double);
MEMBER(gw_value, text, 24, gw_str);

REACHES(gw_instance, 56);
MEMBER(gw_instance, size, 0, uint32_t);
MEMBER(gw_instance, workers, 4, uint32_t);
MEMBER(gw_instance, generation, 8, uint64_t);
MEMBER(gw_instance, name, 16, gw_str);
MEMBER(gw_instance, config, 32, gw_str);
MEMBER(gw_instance, user, 48, void *);

REACHES(gw_worker, 40);
MEMBER(gw_worker, size, 0, uint32_t);
MEMBER(gw_worker, index, 4, uint32_t);
MEMBER(gw_worker, instance, 8, gw_instance *);
MEMBER(gw_worker, background, 16, gw_request *);
MEMBER(gw_worker, user, 24, void *);
MEMBER(gw_worker, flags, 32, uint32_t);
MEMBER(gw_worker, reserved, 36, uint32_t);

REACHES(gw_request, 32);
MEMBER(gw_request, size, 0, uint32_t);
MEMBER(gw_request, flags, 4, uint32_t);
MEMBER(gw_request, id, 8, uint64_t);
MEMBER(gw_request, worker, 16, gw_worker *);
MEMBER(gw_request, user, 24, void *);

REACHES(gw_result, 32);
MEMBER(gw_result, size, 0, uint32_t);
MEMBER(gw_result, error, 4, gw_error);
MEMBER(gw_result, number, 8, int64_t);
MEMBER(gw_result, bytes, 16, gw_str);

REACHES(gw_upstream, 64);
MEMBER(gw_upstream, size, 0, uint32_t);
MEMBER(gw_upstream, connect_ms, 4, uint32_t);
MEMBER(gw_upstream, first_byte_ms, 8, uint32_t);
MEMBER(gw_upstream, idle_ms, 12, uint32_t);
MEMBER(gw_upstream, url, 16, gw_str);
MEMBER(gw_upstream, proxy, 32, gw_str);
MEMBER(gw_upstream, account, 48, gw_str);

REACHES(gw_attempt, 72);
MEMBER(gw_attempt, size, 0, uint32_t);
MEMBER(gw_attempt, number, 4, uint32_t);
MEMBER(gw_attempt, flags, 8, uint32_t);
MEMBER(gw_attempt, status, 12, int32_t);
MEMBER(gw_attempt, error, 16, gw_error);
MEMBER(gw_attempt, retry_after_ms, 20, uint32_t);
MEMBER(gw_attempt, start_ns, 24, uint64_t);
MEMBER(gw_attempt, connected_ns, 32, uint64_t);
MEMBER(gw_attempt, first_byte_ns, 40, uint64_t);
MEMBER(gw_attempt, upstream, 48, const gw_upstream *);
MEMBER(gw_attempt, error_body, 56, gw_str);

REACHES(gw_chunk, 72);
MEMBER(gw_chunk, size, 0, uint32_t);
MEMBER(gw_chunk, flags, 4, uint32_t);
MEMBER(gw_chunk, raw, 8, gw_str);
MEMBER(gw_chunk, event, 24, gw_str);
MEMBER(gw_chunk, id, 40, gw_str);
MEMBER(gw_chunk, data, 56, gw_str);

REACHES(gw_summary, 64);
MEMBER(gw_summary, size, 0, uint32_t);
MEMBER(gw_summary, status, 4, int32_t);
MEMBER(gw_summary, error, 8, gw_error);
MEMBER(gw_summary, attempts, 12, uint32_t);
MEMBER(gw_summary, start_ns, 16, uint64_t);
MEMBER(gw_summary, first_byte_ns, 24, uint64_t);
MEMBER(gw_summary, end_ns, 32, uint64_t);
MEMBER(gw_summary, request_bytes, 40, uint64_t);
MEMBER(gw_summary, response_bytes, 48, uint64_t);
MEMBER(gw_summary, paused_ns, 56, uint64_t);

REACHES(gw_plugin, 160);
MEMBER(gw_plugin, magic, 0, uint32_t);
MEMBER(gw_plugin, size, 4, uint32_t);
MEMBER(gw_plugin, abi_minor, 8, uint32_t);
MEMBER(gw_plugin, flags, 12, uint32_t);
MEMBER(gw_plugin, id, 16, const char *);
MEMBER(gw_plugin, version, 24, const char *);
MEMBER(gw_plugin, summary, 32, const char *);
MEMBER(gw_plugin, config_schema, 40, const char *);
MEMBER(gw_plugin, create, 48, gw_create_hook *);
MEMBER(gw_plugin, destroy, 56, gw_destroy_hook *);
MEMBER(gw_plugin, worker_start, 64, gw_start_hook *);
MEMBER(gw_plugin, worker_stop, 72, gw_stop_hook *);
MEMBER(gw_plugin, on_request, 80, gw_hook *);
MEMBER(gw_plugin, on_body, 88, gw_hook *);
MEMBER(gw_plugin, on_select, 96, gw_hook *);
MEMBER(gw_plugin, on_attempt, 104, gw_attempt_hook *);
MEMBER(gw_plugin, on_response, 112, gw_hook *);
MEMBER(gw_plugin, on_chunk, 120, gw_chunk_hook *);
MEMBER(gw_plugin, on_complete, 128, gw_complete_hook *);
MEMBER(gw_plugin, on_admin, 136, gw_hook *);
MEMBER(gw_plugin, query, 144, gw_interface (*)(const char *));
MEMBER(gw_plugin, admin_mount, 152, const char *);

REACHES(gw_host, 240);
MEMBER(gw_host, size, 0, uint32_t);
MEMBER(gw_host, abi_minor, 4, uint32_t);
MEMBER(gw_host, name, 8, const char *);
MEMBER(gw_host, version, 16, const char *);
MEMBER(gw_host, query, 24, gw_interface (*)(gw_instance *, const char *));
MEMBER(gw_host, log, 32, void (*)(const gw_instance *, const gw_request *, gw_level, gw_str));
MEMBER(gw_host, log_enabled, 40, int32_t (*)(const gw_instance *, gw_level));
MEMBER(gw_host, clock, 48, uint64_t (*)(gw_clock));
MEMBER(gw_host, random, 56, void (*)(void *, size_t));
MEMBER(gw_host, config, 64, gw_error (*)(gw_instance *, gw_str, gw_value *));
MEMBER(gw_host, secret, 72, gw_str (*)(gw_instance *, gw_str));
MEMBER(gw_host, attr, 80, gw_attr (*)(const char *));
MEMBER(gw_host, attr_get, 88, gw_error (*)(gw_request *, gw_attr, gw_value *));
MEMBER(gw_host, attr_set, 96, gw_error (*)(gw_request *, gw_attr, const gw_value *));
MEMBER(gw_host, header_get, 104, gw_str (*)(gw_request *, gw_side, gw_str));
MEMBER(gw_host, header_at, 112, gw_error (*)(gw_request *, gw_side, size_t, gw_pair *));
MEMBER(gw_host, header_set, 120, gw_error (*)(gw_request *, gw_side, gw_str, gw_str));
MEMBER(gw_host, header_add, 128, gw_error (*)(gw_request *, gw_side, gw_str, gw_str));
MEMBER(gw_host, body, 136, gw_str (*)(gw_request *));
MEMBER(gw_host, body_set, 144, gw_error (*)(gw_request *, gw_str));
MEMBER(gw_host, buffer_response, 152, gw_error (*)(gw_request *, size_t));
MEMBER(gw_host, emit, 160, gw_error (*)(gw_request *, gw_str));
MEMBER(gw_host, respond, 168, gw_error (*)(gw_request *, int32_t, const gw_pair *, size_t, gw_str));
MEMBER(gw_host, upstream_get, 176, gw_error (*)(gw_request *, gw_upstream *));
MEMBER(gw_host, upstream_set, 184, gw_error (*)(gw_request *, const gw_upstream *));
MEMBER(gw_host, alloc, 192, void *(*)(gw_request *, size_t));
MEMBER(gw_host, unsubscribe, 200, void (*)(gw_request *, uint32_t));
MEMBER(gw_host, after, 208, gw_op (*)(gw_request *, uint32_t, gw_done *, void *));
MEMBER(gw_host, expect, 216, gw_op (*)(gw_request *, gw_done *, void *));
MEMBER(gw_host, signal, 224, gw_error (*)(gw_op));
MEMBER(gw_host, cancel, 232, void (*)(gw_request *, gw_op));

REACHES(gw_kv, 40);
MEMBER(gw_kv, size, 0, uint32_t);
MEMBER(gw_kv, flags, 4, uint32_t);
MEMBER(gw_kv, get, 8, gw_op (*)(gw_request *, gw_str, gw_done *, void *));
MEMBER(gw_kv, set, 16, gw_op (*)(gw_request *, gw_str, gw_str, uint32_t, gw_done *, void *));
MEMBER(gw_kv, add, 24, gw_op (*)(gw_request *, gw_str, int64_t, uint32_t, gw_done *, void *));
MEMBER(gw_kv, swap, 32, gw_op (*)(gw_request *, gw_str, gw_str, gw_str, uint32_t, gw_done *, void
        *));

REACHES(gw_fetch_request, 96);
MEMBER(gw_fetch_request, size, 0, uint32_t);
MEMBER(gw_fetch_request, timeout_ms, 4, uint32_t);
MEMBER(gw_fetch_request, method, 8, gw_str);
MEMBER(gw_fetch_request, url, 24, gw_str);
MEMBER(gw_fetch_request, proxy, 40, gw_str);
MEMBER(gw_fetch_request, body, 56, gw_str);
MEMBER(gw_fetch_request, headers, 72, const gw_pair *);
MEMBER(gw_fetch_request, header_count, 80, size_t);
MEMBER(gw_fetch_request, max_bytes, 88, size_t);

REACHES(gw_fetch, 24);
MEMBER(gw_fetch, size, 0, uint32_t);
MEMBER(gw_fetch, reserved, 4, uint32_t);
MEMBER(gw_fetch, start, 8, gw_op (*)(gw_request *, const gw_fetch_request *, gw_done *, void *));
MEMBER(gw_fetch, reopen, 16, void (*)(gw_request *, gw_str));

REACHES(gw_metrics, 56);
MEMBER(gw_metrics, size, 0, uint32_t);
MEMBER(gw_metrics, reserved, 4, uint32_t);
MEMBER(gw_metrics, define, 8, gw_metric (*)(gw_instance *, gw_metric_kind, const char *, const char
        *, const gw_str *, size_t, const double *, size_t));
MEMBER(gw_metrics, series, 16, gw_series (*)(gw_metric, const gw_str *, size_t));
MEMBER(gw_metrics, add, 24, void (*)(gw_series, double));
MEMBER(gw_metrics, set, 32, void (*)(gw_series, double));
MEMBER(gw_metrics, observe, 40, void (*)(gw_series, double));
MEMBER(gw_metrics, scrape, 48, gw_str (*)(gw_request *, int32_t));

REACHES(gw_demand, 48);
MEMBER(gw_demand, size, 0, uint32_t);
MEMBER(gw_demand, kind, 4, gw_demand_kind);
MEMBER(gw_demand, key, 8, gw_str);
MEMBER(gw_demand, cost, 24, int64_t);
MEMBER(gw_demand, limit, 32, int64_t);
MEMBER(gw_demand, period_ms, 40, uint64_t);

REACHES(gw_grant, 32);
MEMBER(gw_grant, size, 0, uint32_t);
MEMBER(gw_grant, reserved, 4, uint32_t);
MEMBER(gw_grant, remaining, 8, int64_t);
MEMBER(gw_grant, reset_ms, 16, uint64_t);
MEMBER(gw_grant, retry_after_ms, 24, uint64_t);

REACHES(gw_limiter, 32);
MEMBER(gw_limiter, size, 0, uint32_t);
MEMBER(gw_limiter, flags, 4, uint32_t);
MEMBER(gw_limiter, take, 8, gw_op (*)(gw_request *, const gw_demand *, size_t, gw_done *, void *));
MEMBER(gw_limiter, settle, 16, gw_error (*)(gw_request *, gw_str, int64_t));
MEMBER(gw_limiter, release, 24, gw_error (*)(gw_request *, gw_str));

REACHES(gw_json, 16);
MEMBER(gw_json, size, 0, uint32_t);
MEMBER(gw_json, reserved, 4, uint32_t);
MEMBER(gw_json, get, 8, gw_error (*)(gw_request *, gw_str, gw_str, gw_value *));

REACHES(gw_control, 24);
MEMBER(gw_control, size, 0, uint32_t);
MEMBER(gw_control, reserved, 4, uint32_t);
MEMBER(gw_control, status, 8, gw_str (*)(gw_request *));
MEMBER(gw_control, reload, 16, gw_op (*)(gw_request *, gw_str, gw_done *, void *));

REACHES(gw_state, 24);
MEMBER(gw_state, size, 0, uint32_t);
MEMBER(gw_state, reserved, 4, uint32_t);
MEMBER(gw_state, save, 8, gw_error (*)(gw_instance *, gw_write *, void *));
MEMBER(gw_state, load, 16, gw_error (*)(gw_instance *, gw_str));

/* --------------------------------------------------------------------- records and resources */

TEXT(GW_RECORDS, "gw.records/1");
TEXT(GW_ADMIN, "gw.admin/1");
TEXT(GW_ATTR_LIMITS, "gw.limits");
TEXT(GW_ATTR_ACCOUNTS, "gw.accounts");
TEXT(GW_ATTR_CLIENT_GONE, "gw.client.gone");
VALUE(GW_RECORD_GONE, 0x1u);
VALUE(GW_REVISION_ANY, -1);
VALUE(GW_REVISION_ABSENT, 0);
VALUE(GW_CHANGE_CREATE, 0);
VALUE(GW_CHANGE_UPDATE, 1);
VALUE(GW_CHANGE_DELETE, 2);

REACHES(gw_record, 48);
MEMBER(gw_record, size, 0, uint32_t);
MEMBER(gw_record, flags, 4, uint32_t);
MEMBER(gw_record, id, 8, gw_str);
MEMBER(gw_record, json, 24, gw_str);
MEMBER(gw_record, revision, 40, int64_t);
FUNCTION(gw_watcher, void(gw_request *, void *, const gw_record *, size_t, int32_t));

REACHES(gw_records, 48);
MEMBER(gw_records, size, 0, uint32_t);
MEMBER(gw_records, flags, 4, uint32_t);
MEMBER(gw_records, watch, 8, gw_error (*)(gw_worker *, gw_str, gw_watcher *, void *));
MEMBER(gw_records, get, 16, gw_op (*)(gw_request *, gw_str, gw_str, gw_done *, void *));
MEMBER(gw_records, put, 24, gw_op (*)(gw_request *, gw_str, gw_str, gw_str, int64_t, gw_done *, void *));
MEMBER(gw_records, remove, 32, gw_op (*)(gw_request *, gw_str, gw_str, int64_t, gw_done *, void *));
MEMBER(gw_records, derive, 40, gw_error (*)(gw_instance *, gw_str, uint8_t *));

REACHES(gw_change, 120);
MEMBER(gw_change, size, 0, uint32_t);
MEMBER(gw_change, kind, 4, gw_change_kind);
MEMBER(gw_change, resource, 8, gw_str);
MEMBER(gw_change, id, 24, gw_str);
MEMBER(gw_change, before, 40, gw_str);
MEMBER(gw_change, after, 56, gw_str);
MEMBER(gw_change, actor, 72, gw_str);
MEMBER(gw_change, answer, 88, void *);
MEMBER(gw_change, refuse, 96, void (*)(void *, gw_str, gw_str));
MEMBER(gw_change, store, 104, void (*)(void *, gw_str));
MEMBER(gw_change, reveal, 112, void (*)(void *, gw_str));

REACHES(gw_action, 112);
MEMBER(gw_action, size, 0, uint32_t);
MEMBER(gw_action, reserved, 4, uint32_t);
MEMBER(gw_action, resource, 8, gw_str);
MEMBER(gw_action, id, 24, gw_str);
MEMBER(gw_action, action, 40, gw_str);
MEMBER(gw_action, record, 56, gw_str);
MEMBER(gw_action, revision, 72, int64_t);
MEMBER(gw_action, input, 80, gw_str);
MEMBER(gw_action, actor, 96, gw_str);

REACHES(gw_admin, 40);
MEMBER(gw_admin, size, 0, uint32_t);
MEMBER(gw_admin, reserved, 4, uint32_t);
MEMBER(gw_admin, declaration, 8, const char *);
MEMBER(gw_admin, check, 16, gw_error (*)(gw_request *, const gw_change *));
MEMBER(gw_admin, act, 24, gw_verdict (*)(gw_request *, const gw_action *));
MEMBER(gw_admin, fixed, 32, gw_error (*)(gw_instance *, gw_str, gw_write *, void *));

/* gw.limiter/1 with calendars, sliding windows, and what was spent before. */

VALUE(GW_DEMAND_WINDOW, 3);
VALUE(GW_CALENDAR_HOUR, 0x0100000000000001u);
VALUE(GW_CALENDAR_DAY, 0x0100000000000002u);
VALUE(GW_CALENDAR_WEEK, 0x0100000000000003u);
VALUE(GW_CALENDAR_MONTH, 0x0100000000000004u);
VALUE(GW_SPENT_UNKNOWN, -1);

REACHES(gw_demand, 64);
MEMBER(gw_demand, spent, 48, int64_t);
MEMBER(gw_demand, spent_at_ms, 56, uint64_t);
REACHES(gw_demand, 72);
MEMBER(gw_demand, without_store, 64, gw_without_store);
MEMBER(gw_demand, reserved, 68, uint32_t);

REACHES(gw_grant, 40);
MEMBER(gw_grant, spent, 32, int64_t);

TEXT(GW_LEDGER, "gw.ledger/1");
VALUE(GW_USAGE_REPORTED, 0x1u);
VALUE(GW_USAGE_UNPRICED, 0x2u);
VALUE(GW_LEDGER_KEY, 0);
VALUE(GW_LEDGER_TENANT, 1);
VALUE(GW_LEDGER_ACCOUNT, 2);
VALUE(GW_LEDGER_MODEL, 3);

REACHES(gw_usage, 64);
MEMBER(gw_usage, size, 0, uint32_t);
MEMBER(gw_usage, flags, 4, uint32_t);
MEMBER(gw_usage, requests, 8, int64_t);
MEMBER(gw_usage, input_tokens, 16, int64_t);
MEMBER(gw_usage, output_tokens, 24, int64_t);
MEMBER(gw_usage, cache_read_tokens, 32, int64_t);
MEMBER(gw_usage, cache_write_5m_tokens, 40, int64_t);
MEMBER(gw_usage, cache_write_1h_tokens, 48, int64_t);
MEMBER(gw_usage, cost_nano_usd, 56, int64_t);

REACHES(gw_ledger, 32);
MEMBER(gw_ledger, size, 0, uint32_t);
MEMBER(gw_ledger, sums, 8, gw_op (*)(gw_request *, gw_ledger_of, gw_str, uint64_t, gw_done *, void *));
MEMBER(gw_ledger, current, 16, gw_error (*)(gw_request *, gw_usage *));
MEMBER(gw_ledger, price, 24, gw_error (*)(gw_request *, gw_str, gw_usage *));
