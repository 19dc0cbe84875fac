/* Stepping over a JSON value, compiled twice: for every processor, and for those with AVX2. */
#include "JSONSkip.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { WIDTH = 64 };
typedef uint8_t block __attribute__((ext_vector_type(64)));
typedef _Bool bits __attribute__((ext_vector_type(64)));

/* Bits of the bytes that are `value` once the bits of `fold` are set in them, the first byte lowest. */
INLINE uint64_t equal(const uint8_t *bytes, uint8_t fold, uint8_t value) {
    block loaded;
    memcpy(&loaded, bytes, WIDTH);
    bits found = __builtin_convertvector((loaded | fold) == value, bits);
    uint64_t mask;
    memcpy(&mask, &found, sizeof mask);
    return mask;
}

INLINE int has_quote_or_backslash(const uint8_t *bytes) {
    block loaded;
    memcpy(&loaded, bytes, WIDTH);
    bits found = __builtin_convertvector((loaded == (uint8_t)'"') | (loaded == (uint8_t)'\\'), bits);
    uint64_t mask;
    memcpy(&mask, &found, sizeof mask);
    return mask != 0;
}

/* Which bytes are escaped, given the backslashes among `count`; `escape` is carried over from block to block. */
INLINE uint64_t escapes(uint64_t backslashes, size_t count, uint64_t *escape) {
    uint64_t escaped = *escape;
    if (backslashes == 0) {
        *escape = 0;
        return escaped;
    }
    const uint64_t even = 0x5555555555555555u;
    uint64_t starts = backslashes & ~escaped, followers = starts << 1 | escaped, runs;
    int overflow = __builtin_add_overflow(starts & ~even & ~followers, starts, &runs);
    escaped = (even ^ runs << 1) & followers;
    *escape = count == WIDTH ? (uint64_t)overflow : escaped >> count & 1;
    return escaped;
}

typedef uint64_t running(uint64_t);

/* Bit n is the exclusive-or of bits 0...n. */
INLINE uint64_t by_shifts(uint64_t sum) {
    for (int shift = 1; shift < WIDTH; shift *= 2) sum ^= sum << shift;
    return sum;
}

INLINE struct gwl_json_step skip(
    struct gwl_json_place *place, const uint8_t *base, size_t at, size_t end, uint32_t limit, running *running_xor) {
    uint32_t depth = place->depth;
    uint64_t inside = place->inside, escape = place->escape;
    enum gwl_json_outcome outcome = GWL_JSON_INSIDE;
    if (depth == 0 && at < end) {
        depth = 1;
        at++;
    }
    while (at < end) {
        size_t count = end - at;
        if (inside && !escape) {
            /* Long texts: nothing but their end needs to be found. */
            for (; count >= WIDTH && !has_quote_or_backslash(base + at); count -= WIDTH) at += WIDTH;
            if (count == 0) break;
        }
        /* A last block that is not whole is read with bytes before it, or, where there are too few, from a copy. */
        const uint8_t *bytes = base + at;
        unsigned before = 0;
        uint8_t copy[WIDTH];
        if (count >= WIDTH) {
            count = WIDTH;
        } else if (end >= WIDTH) {
            before = (unsigned)(WIDTH - count);
            bytes -= before;
        } else {
            memset(copy, 0, WIDTH);
            bytes = memcpy(copy, bytes, count);
        }
        uint64_t escaped = escapes(equal(bytes, 0, '\\') >> before, count, &escape);
        uint64_t quotes = equal(bytes, 0, '"') >> before & ~escaped;
        uint64_t strings = running_xor(quotes) ^ inside;
        inside = 0 - (strings >> (count - 1) & 1);
        if (strings == ~(uint64_t)0) {
            at += count;
            continue;
        }
        uint64_t opens = equal(bytes, 0x20, '{') >> before & ~strings;
        uint64_t closes = equal(bytes, 0x20, '}') >> before & ~strings;
        uint32_t closed = (uint32_t)__builtin_popcountll(closes), opened = (uint32_t)__builtin_popcountll(opens);
        if (closed < depth && depth + opened <= limit) {
            depth += opened - closed;
            at += count;
            continue;
        }
        /* The value may end here, or go too deep: one bracket after the other. */
        for (uint64_t both = opens | closes; both != 0; both &= both - 1) {
            uint64_t lowest = both & (0 - both);
            if (opens & lowest) {
                if (++depth > limit) outcome = GWL_JSON_TOO_DEEP;
            } else if (--depth == 0) {
                outcome = GWL_JSON_ENDED;
            }
            if (outcome != GWL_JSON_INSIDE) {
                at += (size_t)__builtin_ctzll(lowest) + 1;
                goto done;
            }
        }
        at += count;
    }
done:
    place->depth = depth;
    place->inside = inside;
    place->escape = escape;
    return (struct gwl_json_step){at, outcome};
}

struct gwl_json_step gwl_json_skip_plainly(
    struct gwl_json_place *place, const uint8_t *base, size_t at, size_t end, uint32_t limit) {
    return skip(place, base, at, end, limit, by_shifts);
}

#ifdef __x86_64__
typedef long long pair __attribute__((vector_size(16)));

/* A product without carries with all ones adds each bit to all above it. */
__attribute__((target("avx2,pclmul,popcnt"))) INLINE uint64_t by_product(uint64_t bits) {
    return (uint64_t)__builtin_ia32_pclmulqdq128((pair){(long long)bits, 0}, (pair){-1, 0}, 0)[0];
}

__attribute__((target("avx2,pclmul,popcnt"))) static struct gwl_json_step skip_by_avx2(
    struct gwl_json_place *place, const uint8_t *base, size_t at, size_t end, uint32_t limit) {
    return skip(place, base, at, end, limit, by_product);
}
#endif

struct gwl_json_step gwl_json_skip(
    struct gwl_json_place *place, const uint8_t *base, size_t at, size_t end, uint32_t limit) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("popcnt"))
        return skip_by_avx2(place, base, at, end, limit);
#endif
    return gwl_json_skip_plainly(place, base, at, end, limit);
}
