/* Sixteen or sixty-four bytes compared at once, the answer one bit for each: what Swift's SIMD types cannot say
 * without leaving the vector registers twice for each sixteen bytes. Bit 0 is the first byte. */
#ifndef GW_BYTE_MASK_H
#define GW_BYTE_MASK_H
#include <stdint.h>
#ifdef __SSE2__
/* The compiler's own vectors instead of <emmintrin.h>, which would put its four thousand names into Swift. */
typedef char gwl_lane __attribute__((vector_size(16)));
typedef unsigned char gwl_bytes __attribute__((vector_size(16)));
typedef signed char gwl_signed __attribute__((vector_size(16)));
typedef char gwl_loose_lane __attribute__((vector_size(16), aligned(1), may_alias));
#endif

/* Bits of the bytes that are `one` or `other`; reads 64 bytes at `p`. */
static inline uint64_t gwl_mask64_either(const uint8_t *p, uint8_t one, uint8_t other) {
    uint64_t mask = 0;
#ifdef __SSE2__
    for (int lane = 0; lane < 4; lane++) {
        gwl_lane bytes = *(const gwl_loose_lane *)(p + 16 * lane);
        gwl_lane equal = (gwl_lane)(bytes == (char)one) | (gwl_lane)(bytes == (char)other);
        mask |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128(equal) << (16 * lane);
    }
#else
    for (int byte = 0; byte < 64; byte++) mask |= (uint64_t)(p[byte] == one || p[byte] == other) << byte;
#endif
    return mask;
}

/* Bits of the bytes that are no printable ASCII: control characters, and all from 0x80 on; reads 64 bytes at `p`. */
static inline uint64_t gwl_mask64_unprintable(const uint8_t *p) {
    uint64_t mask = 0;
#ifdef __SSE2__
    for (int lane = 0; lane < 4; lane++) {
        /* One more than each byte, as a signed number, is above 0x20 for printable ones only. */
        gwl_bytes more = (gwl_bytes) * (const gwl_loose_lane *)(p + 16 * lane) + (uint8_t)1;
        gwl_signed above = (gwl_signed)more > (signed char)0x20;
        mask |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128((gwl_lane)above) << (16 * lane);
    }
    mask = ~mask;
#else
    for (int byte = 0; byte < 64; byte++) mask |= (uint64_t)(p[byte] < 0x20 || p[byte] > 0x7e) << byte;
#endif
    return mask;
}

/* Bits of the bytes that are `one` or `other`; reads 16 bytes at `p`. */
static inline uint32_t gwl_mask16_either(const uint8_t *p, uint8_t one, uint8_t other) {
#ifdef __SSE2__
    gwl_lane bytes = *(const gwl_loose_lane *)p;
    return (uint32_t)__builtin_ia32_pmovmskb128((gwl_lane)(bytes == (char)one) | (gwl_lane)(bytes == (char)other));
#else
    uint32_t mask = 0;
    for (int byte = 0; byte < 16; byte++) mask |= (uint32_t)(p[byte] == one || p[byte] == other) << byte;
    return mask;
#endif
}

/* Bits of the bytes that are control characters other than horizontal tab; reads 16 bytes at `p`. */
static inline uint32_t gwl_mask16_controls(const uint8_t *p) {
#ifdef __SSE2__
    gwl_lane bytes = *(const gwl_loose_lane *)p;
    gwl_lane below = (gwl_lane)((gwl_bytes)bytes < (uint8_t)0x20);
    return (uint32_t)__builtin_ia32_pmovmskb128((below & (gwl_lane)(bytes != 0x09)) | (gwl_lane)(bytes == 0x7f));
#else
    uint32_t mask = 0;
    for (int byte = 0; byte < 16; byte++)
        mask |= (uint32_t)((p[byte] < 0x20 && p[byte] != 0x09) || p[byte] == 0x7f) << byte;
    return mask;
#endif
}

/* Bits of the bytes that are no ASCII letter, digit or hyphen; reads 16 bytes at `p`. */
static inline uint32_t gwl_mask16_outside_names(const uint8_t *p) {
#ifdef __SSE2__
    gwl_bytes bytes = (gwl_bytes) * (const gwl_loose_lane *)p;
    gwl_lane letters = (gwl_lane)((bytes | (uint8_t)0x20) - (uint8_t)'a' < (uint8_t)26);
    gwl_lane digits = (gwl_lane)(bytes - (uint8_t)'0' < (uint8_t)10);
    return (uint32_t)__builtin_ia32_pmovmskb128(letters | digits | (gwl_lane)(bytes == (uint8_t)'-')) ^ 0xffff;
#else
    uint32_t mask = 0;
    for (int byte = 0; byte < 16; byte++) {
        uint8_t letter = (uint8_t)((p[byte] | 0x20) - 'a'), digit = (uint8_t)(p[byte] - '0');
        mask |= (uint32_t)(letter >= 26 && digit >= 10 && p[byte] != '-') << byte;
    }
    return mask;
#endif
}

/* Bits of the bytes that are no ASCII letter, digit, hyphen, full stop or slash; reads 16 bytes at `p`. */
static inline uint32_t gwl_mask16_outside_paths(const uint8_t *p) {
#ifdef __SSE2__
    gwl_bytes bytes = (gwl_bytes) * (const gwl_loose_lane *)p;
    gwl_lane letters = (gwl_lane)((bytes | (uint8_t)0x20) - (uint8_t)'a' < (uint8_t)26);
    gwl_lane others = (gwl_lane)(bytes - (uint8_t)'-' < (uint8_t)13);
    return (uint32_t)__builtin_ia32_pmovmskb128(letters | others) ^ 0xffff;
#else
    uint32_t mask = 0;
    for (int byte = 0; byte < 16; byte++) {
        uint8_t letter = (uint8_t)((p[byte] | 0x20) - 'a'), other = (uint8_t)(p[byte] - '-');
        mask |= (uint32_t)(letter >= 26 && other >= 13) << byte;
    }
    return mask;
#endif
}
#endif
