/* hiredis as the host uses it: the blocking client for threads that may wait, the asynchronous one for event loops.
 * Its variadic commands cannot be called from Swift; the Argv forms can. Only Redis imports it. */
#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
#include <fcntl.h>

/* hiredis leaves its sockets to programs that this process starts; nothing of theirs. */
static inline void gwredis_close_on_exec(const redisContext *context) { (void)fcntl(context->fd, F_SETFD, FD_CLOEXEC); }

/* What went wrong with a context, or an empty string. */
static inline const char *gwredis_error(const redisAsyncContext *context) { return context->c.err ? context->c.errstr : ""; }
