/* Stepping over one JSON object or array, sixty-four bytes at a time: the loop of JSONNesting.swift, which says what
 * it is. In C for the sake of one compile with AVX2, which takes half the instructions where there is one. */
#ifndef GW_JSON_SKIP_H
#define GW_JSON_SKIP_H
#include <stddef.h>
#include <stdint.h>

/* Between two pieces of a value. All zero before its opening bracket. */
struct gwl_json_place {
    uint32_t depth;
    /* All ones inside a string, else zero. */
    uint64_t inside;
    /* 1 when the next byte is escaped by a backslash before it. */
    uint64_t escape;
};

enum gwl_json_outcome { GWL_JSON_INSIDE, GWL_JSON_ENDED, GWL_JSON_TOO_DEEP };

struct gwl_json_step {
    /* Behind what was taken. */
    size_t at;
    enum gwl_json_outcome outcome;
};

/* Steps on from `at`, where at the first call an opening bracket stands, at most to `end`; all `end` bytes at `base`
 * are readable. More than `limit` brackets open at once are too deep. Never fails, keeps nothing, any thread. */
struct gwl_json_step gwl_json_skip(
    struct gwl_json_place *place, const uint8_t *base, size_t at, size_t end, uint32_t limit);
/* The same without the instructions that not every processor has, for tests. */
struct gwl_json_step gwl_json_skip_plainly(
    struct gwl_json_place *place, const uint8_t *base, size_t at, size_t end, uint32_t limit);
#endif
