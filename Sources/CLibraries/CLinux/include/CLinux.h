/* Linux as the host uses it: what the Glibc module leaves out, and what Swift cannot call
 * (variadic functions, function-like macros). Only Memory, Observe, Loop, Net, PluginHost and Command import it. */
#ifndef CLINUX_H
#define CLINUX_H
/* No _GNU_SOURCE here: it would give system structs another shape than the Glibc module's, and the
 * compiler refuses to load both. What needs it is behind a function of clinux.c. */
#include "ByteMask.h"
#include "JSONSkip.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
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

extern char **environ;
static inline char **gwl_environ(void) { return environ; }
/* A number that tells the calling thread from every other that lives: its thread pointer, never 0.
 * pthread_self says the same in a call across libraries, and plugins are asked for it 25 times an exchange. */
static inline uintptr_t gwl_thread(void) { return (uintptr_t)__builtin_thread_pointer(); }
/* epoll's event is packed on x86-64 only; Swift sees it through these, inlined. */
static inline int gwl_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = data;
    return epoll_ctl(epoll, operation, fd, &event);
}
static inline uint32_t gwl_event_bits(const struct epoll_event *event) { return event->events; }
static inline uint64_t gwl_event_data(const struct epoll_event *event) { return event->data.u64; }

/* Lets go of freed heap and of clean pages of code and constants, which come back when they are read.
 * Call it when the process is about to serve and not while it does: it locks the heap. */
void gwl_give_back_startup_memory(void);

/* The sentence and the name of an errno; static storage of the C library, NULL for an unknown one. */
const char *gwl_error_text(int code);
const char *gwl_error_name(int code);

/* 16 KB of the calling thread, for the length of one call. */
uint8_t *gwl_thread_scratch(void);
/* recv(2) and send(2) without SIGPIPE. By number, because the C library's functions are points where a thread may be
 * cancelled, which costs two atomic operations each and which no thread of ours ever is. */
static inline ssize_t gwl_recv(int fd, void *bytes, size_t length) {
    return syscall(SYS_recvfrom, fd, bytes, length, 0, NULL, NULL);
}
static inline ssize_t gwl_send(int fd, const void *bytes, size_t length) {
    return syscall(SYS_sendto, fd, bytes, length, MSG_NOSIGNAL, NULL, 0);
}
/* Two buffers in one system call. Small ones are joined before, since one piece costs the kernel less than a list of
 * two pieces, by more than the copy costs us (docs/PERFORMANCE.md). */
static inline ssize_t gwl_send2(int fd, const void *a, size_t a_length, const void *b, size_t b_length) {
    if (a_length <= 8192 && b_length <= 8192) {
        uint8_t *joined = gwl_thread_scratch();
        if (a_length) memcpy(joined, a, a_length);
        if (b_length) memcpy(joined + a_length, b, b_length);
        return gwl_send(fd, joined, a_length + b_length);
    }
    struct iovec parts[2] = {{(void *)a, a_length}, {(void *)b, b_length}};
    struct msghdr message = {0};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}
static inline int gwl_set_option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value);
}
/* The value of an integer socket option, or -1 with errno. */
static inline int gwl_get_option(int fd, int level, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) < 0 ? -1 : value;
}
/* Makes close(2) send a reset instead of a FIN. */
static inline int gwl_set_reset_on_close(int fd) {
    struct linger linger = {1, 0};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}
/* A socket of `domain`, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC. */
int gwl_stream_socket(int domain);
/* FD_CLOEXEC (1) and O_NONBLOCK (2) of a descriptor. */
int gwl_descriptor_flags(int fd);
int gwl_set_close_on_exec(int fd);
/* RLIMIT_NOFILE, soft. */
uint64_t gwl_descriptor_limit(void);
int gwl_set_descriptor_limit(uint64_t limit);
/* Blocks every signal but those that report a fault of the thread itself; what was blocked goes to `before`. */
void gwl_block_signals(sigset_t *before);

static inline int gwl_errno(void) { return errno; }
/* accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC. */
int gwl_accept4(int fd, struct sockaddr *address, socklen_t *length);
/* The user whose process holds the other end of a unix socket, as the kernel noted at connect(2): SO_PEERCRED, socket(7). */
int gwl_peer_user(int fd, uid_t *user);
static inline int gwl_open(const char *path, int flags, unsigned mode) {
    return open(path, flags | O_CLOEXEC, mode);
}
static inline int gwl_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}
/* CRC-32C, continued from `crc` (0 at first); the second one without the processor's instruction, for tests. */
uint32_t gwl_crc32c(uint32_t crc, const void *bytes, size_t length);
/* Of `length` as four bytes, the lowest first, and that many bytes. */
uint32_t gwl_crc32c_counted(uint32_t length, const void *bytes);
uint32_t gwl_crc32c_by_table(uint32_t crc, const void *bytes, size_t length);
/* fallocate(2): reserves blocks for a part of a file without changing its size. */
int gwl_reserve(int fd, int64_t offset, int64_t length);
/* open(2) of a file without a name in a directory: O_TMPFILE | O_RDWR, mode 0600. */
int gwl_open_unnamed(const char *directory);
const void *gwl_memmem(const void *hay, size_t hay_length, const void *needle, size_t length);
void gwl_set_thread_name(const char *name); /* at most 15 bytes; of the calling thread */
/* Overwrites a secret; the compiler cannot leave it out as a store that nobody reads. */
static inline void gwl_wipe(void *bytes, size_t count) {
    if (count) memset(bytes, 0, count);
    __asm__ volatile("" : : "r"(bytes) : "memory");
}
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
/* From here on a fatal signal writes to standard error which plugin ran which hook on which thread,
 * and then takes its usual course. `marks` are `count` records of `stride` bytes that live for ever;
 * each begins with three words: the address of a label (two C strings: plugin and hook) or 0, the
 * number of the request, the number of the thread. Once per process. */
void gwl_crash_marks(const void *marks, size_t stride, size_t count);
/* Gives the calling thread a stack for signal handlers, so that running out of stack is reported too. */
void gwl_crash_stack(void);
static inline int gwl_gettid(void) { return (int)syscall(SYS_gettid); }
static inline FILE *gwl_stdout(void) { return stdout; }
static inline FILE *gwl_stderr(void) { return stderr; }
/* Processors in this thread's affinity mask: sched_getaffinity(2). */
int gwl_available_processors(void);
/* Columns of the terminal behind `fd`, or -1. */
int gwl_terminal_columns(int fd);
/* Starts `program` in a session of its own, with nothing but /dev/null and `output` (made or emptied, mode 0600) open.
 * Returns 0 and the process, or an errno. */
int gwl_spawn_detached(const char *program, char *const arguments[], char *const environment[], const char *output, pid_t *process);
/* The exit status of a child that has ended: 0...255, 128 and a signal's number; -1 while it runs, -2 when it is no child. */
int gwl_child_status(pid_t process);
/* Whether the kernel holds the clock for synchronised: 1, 0, or -1 when it cannot say. adjtimex(2). */
int gwl_clock_is_synchronised(void);
/* Free bytes of the file system `path` is on for this user, and free inodes; -1 with errno. statvfs(3). */
int gwl_free_space(const char *path, uint64_t *bytes, uint64_t *total, uint64_t *inodes);
/* 1 when `path` is on a file system that allows no executable mapping; -1 with errno. */
int gwl_is_noexec(const char *path);
/* signalfd(2), non-blocking, close-on-exec. */
static inline int gwl_signalfd(const sigset_t *set) {
    return signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
}
static inline void gwl_ignore_signal(int number) { signal(number, SIG_IGN); }
/* Raises RLIMIT_NOFILE to what the hard limit allows. */
int gwl_raise_descriptor_limit(void);
#endif
