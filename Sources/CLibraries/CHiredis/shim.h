/* hiredis as the host uses it: the blocking client for threads that may wait, the asynchronous one for event loops.
 * Its variadic commands cannot be called from Swift; the Argv forms can. Only Redis imports it. */
#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
