/* CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), by the processor's instruction where it has one. */
#include "CLinux.h"

static uint32_t crc32c_table[256];

__attribute__((constructor)) static void fill_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        crc32c_table[byte] = crc;
    }
}

static uint32_t by_table(uint32_t crc, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) crc = crc >> 8 ^ crc32c_table[(crc ^ bytes[i]) & 255];
    return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t length) {
    uint64_t wide = crc, word, words[4];
    uint32_t half;
    uint16_t quarter;
    for (; length >= sizeof words; length -= sizeof words, bytes += sizeof words) {
        memcpy(words, bytes, sizeof words);
        for (int i = 0; i < 4; i++) wide = __builtin_ia32_crc32di(wide, words[i]);
    }
    for (; length >= 8; length -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    if (length & 4) {
        memcpy(&half, bytes, 4);
        crc = __builtin_ia32_crc32si(crc, half);
        bytes += 4;
    }
    if (length & 2) {
        memcpy(&quarter, bytes, 2);
        crc = __builtin_ia32_crc32hi(crc, quarter);
        bytes += 2;
    }
    return length & 1 ? __builtin_ia32_crc32qi(crc, *bytes) : crc;
}

__attribute__((target("sse4.2"))) static uint32_t word_by_instruction(uint32_t crc, uint32_t word) {
    return __builtin_ia32_crc32si(crc, word);
}
#endif

uint32_t gwl_crc32c(uint32_t crc, const void *bytes, size_t length) {
    crc = ~crc;
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) return ~by_instruction(crc, bytes, length);
#endif
    return ~by_table(crc, bytes, length);
}

uint32_t gwl_crc32c_counted(uint32_t length, const void *bytes) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) return ~by_instruction(word_by_instruction(~0u, length), bytes, length);
#endif
    uint8_t head[4] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), (uint8_t)(length >> 24)};
    return ~by_table(by_table(~0u, head, sizeof head), bytes, length);
}

uint32_t gwl_crc32c_by_table(uint32_t crc, const void *bytes, size_t length) { return ~by_table(~crc, bytes, length); }
