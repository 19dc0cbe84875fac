#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include "CLinux.h"

int gwl_accept4(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int gwl_peer_user(int fd, uid_t *user) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -1;
    *user = peer.uid;
    return 0;
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

int gwl_set_close_on_exec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

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

int gwl_reserve(int fd, int64_t offset, int64_t length) { return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length); }

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

int gwl_terminal_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) < 0 ? -1 : size.ws_col;
}

int gwl_spawn_detached(const char *program, char *const arguments[], char *const environment[], const char *output, pid_t *process) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);
    if (code) return code;
    code = posix_spawnattr_init(&attributes);
    if (!code) {
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        sigdelset(&all, SIGKILL);
        sigdelset(&all, SIGSTOP);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (!code) code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        if (!code) code = posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
        if (!code) code = posix_spawn_file_actions_adddup2(&actions, 1, 2);
        if (!code) code = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        if (!code) code = posix_spawn(process, program, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

int gwl_child_status(pid_t process) {
    int status = 0;
    pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended == 0) return -1;
    if (ended < 0) return -2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int gwl_clock_is_synchronised(void) {
    struct timex clock = {0};
    int state = adjtimex(&clock);
    if (state < 0) return -1;
    return state != TIME_ERROR && !(clock.status & STA_UNSYNC);
}

int gwl_free_space(const char *path, uint64_t *bytes, uint64_t *total, uint64_t *inodes) {
    struct statvfs status;
    if (statvfs(path, &status) < 0) return -1;
    *bytes = (uint64_t)status.f_bavail * status.f_frsize;
    *total = (uint64_t)status.f_blocks * status.f_frsize;
    /* Some file systems count none. */
    *inodes = status.f_files ? (uint64_t)status.f_favail : UINT64_MAX;
    return 0;
}

int gwl_is_noexec(const char *path) {
    struct statvfs status;
    if (statvfs(path, &status) < 0) return -1;
    return status.f_flag & ST_NOEXEC ? 1 : 0;
}
