/* Writes the journal of a gateway that has served COUNT requests over DAYS days up to END: each with the three rows that a
 * request leaves (open, attempt, sealed), in segments of 16 MB. Made from docs/decisions/0020 and not from the
 * gateway's code, so reading it back also holds the one against the other. Prints what it all adds up to.
 *
 * Usage: ledger_rows FOLDER COUNT DAYS END_SECONDS */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "CLinux.h"

enum { SEGMENT_BYTES = 16 << 20, ROW_LIMIT = 2048, KEYS = 50, ACCOUNTS = 10, MODELS = 4 };

static const char *const models[MODELS] = {"claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-1"};
static FILE *file;
static const char *folder;
static uint64_t segment, written;
static uint64_t chance = 88172645463325252u;

static uint64_t next(uint64_t below) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return chance % below;
}

/* A row under way, with room for the frame's head before it. */
static uint8_t frame[8 + ROW_LIMIT], *at;

static void fixed(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) *at++ = (uint8_t)(value >> 8 * i);
}

static void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)value | 0x80;
    *at++ = (uint8_t)value;
}

static void text(const char *value) {
    size_t count = strlen(value);
    *at++ = (uint8_t)count;
    memcpy(at, value, count);
    at += count;
}

static void begin(int kind, uint64_t id, uint64_t started) {
    at = frame + 8;
    fixed(kind, 1);
    fixed(1, 1);
    fixed(id ? 0x5eed0001 : 0, 4);
    fixed(id, 8);
    fixed(started, 8);
}

static void put(const void *bytes, size_t count) {
    if (fwrite(bytes, 1, count, file) != count) {
        perror("ledger_rows");
        exit(1);
    }
    written += count;
}

static void end(void) {
    uint32_t length = (uint32_t)(at - frame - 8);
    memcpy(frame, &length, 4);
    uint32_t sum = gwl_crc32c(gwl_crc32c(0, &length, 4), frame + 8, length);
    memcpy(frame + 4, &sum, 4);
    put(frame, 8 + length);
}

static void begin_segment(uint64_t created) {
    if (file) fclose(file);
    char path[4096];
    snprintf(path, sizeof path, "%s/%016" PRIx64 ".rows", folder, ++segment);
    file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(1);
    }
    uint64_t header[4] = {0x31304744454c5747u, segment, created, 0};
    header[3] = gwl_crc32c(0, header, 24);
    written = 0;
    put(header, sizeof header);
    begin(4, 0, created);
    number(segment);
    end();
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    folder = arguments[1];
    uint64_t rows = strtoull(arguments[2], 0, 10), days = strtoull(arguments[3], 0, 10), last = strtoull(arguments[4], 0, 10);
    uint64_t span = days * 86400 * 1000000000u, first = last * 1000000000u - span;
    uint64_t input_tokens = 0, output_tokens = 0, cost = 0;
    for (uint64_t id = 1; id <= rows; id++) {
        uint64_t started = first + span / rows * (id - 1);
        if (!file || written >= SEGMENT_BYTES) begin_segment(started);
        /* A key keeps to two models and three accounts, as people do. */
        unsigned key = (unsigned)next(KEYS), model = (key + (unsigned)next(2)) % MODELS, account = (key + (unsigned)next(3)) % ACCOUNTS;
        char key_name[16], group[16], account_name[16], upstream[32];
        snprintf(key_name, sizeof key_name, "key-%02u", key);
        snprintf(group, sizeof group, "team-%u", key % 3);
        snprintf(account_name, sizeof account_name, "account-%u", account);
        snprintf(upstream, sizeof upstream, "req_%020" PRIu64, id);
        uint64_t session = next(1u << 20) + 1, input = next(4000), output = next(2000), read = next(100000);
        uint64_t price = input * 3000 + output * 15000 + read * 300, microseconds = 1000000 + next(20000000);

        begin(1, id, started);
        fixed(1, 1);
        fixed(session, 8);
        text(key_name), text(group), text(account_name), text(models[model]);
        end();

        begin(2, id, started);
        fixed(200, 2);
        fixed(0, 1);
        number(1), number(2000), number(500000), number(microseconds);
        text(account_name), text(upstream);
        end();

        begin(3, id, started);
        fixed(1, 1);
        fixed(3, 1);
        fixed(200, 2);
        fixed(session, 8);
        fixed(0x0123456789abcdef, 8);
        number(microseconds), number(500000), number(1);
        number(input), number(output), number(read), number(0), number(0), number(0), number(0), number(0);
        fixed(0, 1);
        number(price);
        text(key_name), text(group), text(account_name), text(models[model]), text(models[model]), text(upstream), text("sticky");
        end();
        input_tokens += input;
        output_tokens += output;
        cost += price;
    }
    fclose(file);
    printf("{\"requests\":%" PRIu64 ",\"input_tokens\":%" PRIu64 ",\"output_tokens\":%" PRIu64 ",\"cost_nano_usd\":%" PRIu64 "}\n",
           rows, input_tokens, output_tokens, cost);
    return 0;
}
