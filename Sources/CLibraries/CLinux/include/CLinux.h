/* Linux as the host uses it: what the Glibc module leaves out, and what Swift cannot call
 * (variadic functions, function-like macros). Only Memory, Observe, Loop, Net, PluginHost and Command import it. */
#ifndef CLINUX_H
#define CLINUX_H
/* No _GNU_SOURCE here: it would give system structs another shape than the Glibc module's, and the
 * compiler refuses to load both. What needs it is behind a function of clinux.c. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline int gwl_errno(void) { return errno; }
/* accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC. */
int gwl_accept4(int fd, struct sockaddr *address, socklen_t *length);
static inline int gwl_open(const char *path, int flags, unsigned mode) {
    return open(path, flags | O_CLOEXEC, mode);
}
static inline int gwl_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}
const void *gwl_memmem(const void *hay, size_t hay_length, const void *needle, size_t length);
void gwl_set_thread_name(const char *name); /* at most 15 bytes; of the calling thread */
static inline uint64_t gwl_monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline uint64_t gwl_wall_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline uint64_t gwl_thread_cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline int gwl_gettid(void) { return (int)syscall(SYS_gettid); }
static inline FILE *gwl_stdout(void) { return stdout; }
static inline FILE *gwl_stderr(void) { return stderr; }
#endif
