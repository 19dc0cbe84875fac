#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>

#include "CLinux.h"

int gwl_accept4(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

const void *gwl_memmem(const void *hay, size_t hay_length, const void *needle, size_t length) {
    return memmem(hay, hay_length, needle, length);
}

void gwl_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

const char *gwl_error_text(int code) { return strerrordesc_np(code); }
const char *gwl_error_name(int code) { return strerrorname_np(code); }

uint8_t *gwl_thread_scratch(void) {
    static _Thread_local uint8_t scratch[16384];
    return scratch;
}

void gwl_block_signals(sigset_t *before) {
    static const int kept[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) sigdelset(&set, kept[i]);
    pthread_sigmask(SIG_BLOCK, &set, before);
}

int gwl_stream_socket(int domain) { return socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int gwl_descriptor_flags(int fd) {
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC ? 1 : 0) | (fcntl(fd, F_GETFL) & O_NONBLOCK ? 2 : 0);
}

uint64_t gwl_descriptor_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : (uint64_t)limit.rlim_cur;
}

int gwl_set_descriptor_limit(uint64_t soft) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -1;
    limit.rlim_cur = (rlim_t)soft;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

int gwl_open_unnamed(const char *directory) {
    return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

int gwl_available_processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

int gwl_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -1;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit);
}
