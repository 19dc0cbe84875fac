/* The last words of a process that dies inside a plugin. Async-signal-safe: write(2) and nothing else. */
#include "CLinux.h"

static const volatile unsigned char *crash_marks;
static size_t crash_stride, crash_count;
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
enum { crash_signal_count = sizeof crash_signals / sizeof crash_signals[0] };
static struct sigaction crash_before[crash_signal_count];

static void say(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    ssize_t ignored = write(2, text, length);
    (void)ignored;
}

static void say_number(uint64_t number) {
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    say(digits + at);
}

static void report(int number, siginfo_t *info, void *context) {
    (void)context;
    uint64_t thread = (uint64_t)syscall(SYS_gettid);
    for (size_t i = 0; i < crash_count; i++) {
        const volatile uint64_t *mark = (const volatile uint64_t *)(crash_marks + i * crash_stride);
        const char *const *label = (const char *const *)(uintptr_t)mark[0];
        if (!label || (mark[2] != thread && mark[2])) continue;
        say("gateway: fatal signal ");
        say_number((uint64_t)number);
        say(" in plugin '");
        say(label[0]);
        say("', ");
        say(label[1]);
        say(", request ");
        say_number(mark[1]);
        say("\n");
    }
    for (size_t i = 0; i < crash_signal_count; i++)
        if (crash_signals[i] == number) sigaction(number, &crash_before[i], NULL);
    /* A fault happens again when the instruction is repeated; what was sent must be sent again. */
    if (info->si_code <= 0) raise(number);
}

void gwl_crash_marks(const void *marks, size_t stride, size_t count) {
    crash_marks = marks;
    crash_stride = stride;
    crash_count = count;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = report;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (size_t i = 0; i < crash_signal_count; i++) sigaction(crash_signals[i], &action, &crash_before[i]);
}

void gwl_crash_stack(void) {
    enum { size = 64 * 1024 };
    stack_t present;
    if (sigaltstack(NULL, &present) == 0 && !(present.ss_flags & SS_DISABLE)) return;
    stack_t stack = {.ss_sp = malloc(size), .ss_size = size};
    if (stack.ss_sp) sigaltstack(&stack, NULL);
}
