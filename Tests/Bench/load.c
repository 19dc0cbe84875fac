/* The load of the benchmark: what wrk cannot do, namely an exact number of exchanges, and event streams.
 *
 * One epoll loop, CONNECTIONS keep-alive connections. Each sends the request in the file REQUEST, reads the
 * whole answer, and sends it again. Ends after LIMIT exchanges, or, where LIMIT ends in `s`, after that many
 * seconds. Prints "EXCHANGES EVENTS FAILURES"; an event is an empty line in a body.
 *
 * usage: load PORT CONNECTIONS LIMIT REQUEST
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection {
    int fd;
    char head[8192];
    size_t head_count;
    int is_in_body, is_chunked;
    size_t body_left;
    char tail[7]; /* the last bytes of a chunked body, to see its end */
    char before;  /* the byte before, to see an empty line */
};

static int loop, port;
static char request[1 << 20];
static size_t request_count;
static long exchanges, events, failures, begun, limit = -1;
static double end_time;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static int may_begin(void) { return limit >= 0 ? begun < limit : now() < end_time; }

static void open_connection(struct connection *connection) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    memset(connection, 0, sizeof *connection);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection->fd, (void *)&address, sizeof address) != 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(loop, EPOLL_CTL_ADD, connection->fd, &event);
}

static void begin(struct connection *connection) {
    begun++;
    connection->head_count = 0;
    connection->is_in_body = 0;
    if (send(connection->fd, request, request_count, MSG_NOSIGNAL) != (ssize_t)request_count) failures++;
}

/* Takes bytes of an answer; true when it is whole. */
static int take(struct connection *connection, const char *bytes, size_t count) {
    if (!connection->is_in_body) {
        size_t room = sizeof connection->head - 1 - connection->head_count, taken = count < room ? count : room;
        size_t known = connection->head_count;
        memcpy(connection->head + known, bytes, taken);
        connection->head_count += taken;
        connection->head[connection->head_count] = 0;
        char *end = strstr(connection->head, "\r\n\r\n");
        if (!end) return 0;
        if (strncmp(connection->head, "HTTP/1.1 200", 12)) {
            if (!failures++) fprintf(stderr, "load: %.200s\n", connection->head);
        }
        char *length = strcasestr(connection->head, "\r\ncontent-length:");
        connection->is_chunked = length == NULL || length > end;
        connection->body_left = connection->is_chunked ? 0 : strtoul(length + 17, NULL, 10);
        connection->is_in_body = 1;
        memset(connection->tail, 0, sizeof connection->tail);
        size_t head = (size_t)(end + 4 - connection->head) - known;
        bytes += head;
        count -= head;
    }
    if (!connection->is_chunked) {
        connection->body_left -= count < connection->body_left ? count : connection->body_left;
        return connection->body_left == 0;
    }
    for (size_t index = 0; index < count; index++) {
        if (bytes[index] == '\n' && connection->before == '\n') events++;
        connection->before = bytes[index];
    }
    size_t kept = sizeof connection->tail;
    if (count >= kept) {
        memcpy(connection->tail, bytes + count - kept, kept);
    } else {
        memmove(connection->tail, connection->tail + count, kept - count);
        memcpy(connection->tail + kept - count, bytes, count);
    }
    return memcmp(connection->tail, "\r\n0\r\n\r\n", kept) == 0;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: load PORT CONNECTIONS LIMIT REQUEST\n");
        return 2;
    }
    port = atoi(arguments[1]);
    int connections = atoi(arguments[2]), open_exchanges = 0;
    FILE *file = fopen(arguments[4], "rb");
    if (!file || (request_count = fread(request, 1, sizeof request, file)) == 0) {
        perror(arguments[4]);
        return 1;
    }
    loop = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)connections, sizeof *all);
    for (int index = 0; index < connections; index++) open_connection(&all[index]);
    if (strchr(arguments[3], 's')) {
        end_time = now() + atof(arguments[3]);
    } else {
        limit = atol(arguments[3]);
    }
    for (int index = 0; index < connections && may_begin(); index++, open_exchanges++) begin(&all[index]);
    while (open_exchanges > 0) {
        struct epoll_event ready[256];
        int ready_count = epoll_wait(loop, ready, 256, 10000);
        if (ready_count == 0) {
            fprintf(stderr, "load: nothing arrived for 10 s\n");
            return 1;
        }
        for (int index = 0; index < ready_count; index++) {
            struct connection *connection = ready[index].data.ptr;
            char bytes[65536];
            ssize_t received = recv(connection->fd, bytes, sizeof bytes, 0);
            if (received <= 0) {
                failures++;
                close(connection->fd);
                open_connection(connection);
                if (may_begin()) begin(connection);
                else open_exchanges--;
            } else if (take(connection, bytes, (size_t)received)) {
                exchanges++;
                if (may_begin()) begin(connection);
                else open_exchanges--;
            } else if (limit < 0 && now() > end_time) {
                open_exchanges--; /* a stream that is longer than the run: its events count, its end does not */
                close(connection->fd);
            }
        }
    }
    printf("%ld %ld %ld\n", exchanges, events, failures);
    return 0;
}
