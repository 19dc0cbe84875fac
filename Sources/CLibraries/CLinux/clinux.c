#define _GNU_SOURCE 1
#include <pthread.h>

#include "CLinux.h"

int gwl_accept4(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

const void *gwl_memmem(const void *hay, size_t hay_length, const void *needle, size_t length) {
    return memmem(hay, hay_length, needle, length);
}

void gwl_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }
