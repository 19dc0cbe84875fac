/* Sixty-four bytes compared at once, the answer one bit for each: what Swift's SIMD types cannot say
 * without leaving the vector registers twice for each sixteen bytes. Bit 0 is the first byte. */
#ifndef GW_BYTE_MASK_H
#define GW_BYTE_MASK_H
#include <stdint.h>
#ifdef __SSE2__
/* The compiler's own vectors instead of <emmintrin.h>, which would put its four thousand names into Swift. */
typedef char gwl_lane __attribute__((vector_size(16)));
typedef char gwl_loose_lane __attribute__((vector_size(16), aligned(1), may_alias));
#endif

/* Bits of the bytes that are `value` once the bits of `fold` are set in them; reads 64 bytes at `p`. */
static inline uint64_t gwl_mask_folded(const uint8_t *p, uint8_t fold, uint8_t value) {
    uint64_t mask = 0;
#ifdef __SSE2__
    for (int lane = 0; lane < 4; lane++) {
        gwl_lane bytes = *(const gwl_loose_lane *)(p + 16 * lane);
        gwl_lane equal = (gwl_lane)((bytes | (char)fold) == (char)value);
        mask |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128(equal) << (16 * lane);
    }
#else
    for (int byte = 0; byte < 64; byte++) mask |= (uint64_t)((p[byte] | fold) == value) << byte;
#endif
    return mask;
}

/* Bits of the bytes that are `value`; reads 64 bytes at `p`. */
static inline uint64_t gwl_mask_equal(const uint8_t *p, uint8_t value) {
    return gwl_mask_folded(p, 0, value);
}
#endif
