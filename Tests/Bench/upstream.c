/* The upstream of the benchmark: cheap enough that the proxy under test is what is measured.
 *
 * One epoll loop. A request whose body says "stream":true gets events of about 190 bytes at a fixed
 * interval, each stream at its own phase so that they do not arrive in bursts; any other request gets
 * a message of about 1 KB. Serves plain HTTP on one port and, when given a certificate, TLS on
 * another. Prints the ports it was given by the kernel, then serves until it is killed.
 *
 * usage: upstream EVENTS INTERVAL_MS [CERTIFICATE KEY]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { input_capacity = 1 << 17, most_connections = 65536 };

struct connection {
    int fd;
    SSL *tls;
    int is_shaken;
    char *input;
    size_t input_count;
    long events_left;
    long long next_event_ns;
    struct connection *next_stream, *previous_stream;
};

static int loop;
static long events_per_stream;
static long long interval_ns;
static struct connection streams = {.next_stream = &streams, .previous_stream = &streams};
static SSL_CTX *tls_context;
static char message[2048], event_chunk[512];
static size_t message_count, event_chunk_count;

static const char stream_head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                                  "cache-control: no-cache\r\nrequest-id: req_bench\r\n"
                                  "transfer-encoding: chunked\r\n\r\n";

static long long now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void check(int condition, const char *what) {
    if (!condition) {
        perror(what);
        exit(1);
    }
}

static void end(struct connection *connection) {
    if (connection->next_stream) {
        connection->next_stream->previous_stream = connection->previous_stream;
        connection->previous_stream->next_stream = connection->next_stream;
    }
    if (connection->tls) SSL_free(connection->tls);
    close(connection->fd);
    free(connection->input);
    free(connection);
}

/* Every answer is small beside a socket buffer; a proxy that lets one fill up has failed the run. */
static int say(struct connection *connection, const char *bytes, size_t count) {
    if (connection->tls) return SSL_write(connection->tls, bytes, (int)count) == (int)count;
    return send(connection->fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

static void begin_stream(struct connection *connection) {
    static unsigned phase;
    connection->events_left = events_per_stream;
    connection->next_event_ns = now_ns() + interval_ns * (phase++ % 20) / 20;
    connection->next_stream = &streams;
    connection->previous_stream = streams.previous_stream;
    streams.previous_stream->next_stream = connection;
    streams.previous_stream = connection;
}

static void end_stream(struct connection *connection) {
    connection->next_stream->previous_stream = connection->previous_stream;
    connection->previous_stream->next_stream = connection->next_stream;
    connection->next_stream = connection->previous_stream = NULL;
}

/* Sends what is due on every stream. */
static void tick(void) {
    long long now = now_ns();
    for (struct connection *stream = streams.next_stream, *next; stream != &streams; stream = next) {
        next = stream->next_stream;
        if (stream->next_event_ns > now) continue;
        stream->next_event_ns += interval_ns;
        int is_alive = say(stream, event_chunk, event_chunk_count);
        if (is_alive && --stream->events_left == 0) {
            is_alive = say(stream, "0\r\n\r\n", 5);
            if (is_alive) end_stream(stream);
        }
        if (!is_alive) end(stream);
    }
}

/* Answers each whole request in the input; false when the connection is over. */
static int answer(struct connection *connection) {
    for (;;) {
        char *head_end = memmem(connection->input, connection->input_count, "\r\n\r\n", 4);
        if (!head_end) return connection->input_count < input_capacity;
        size_t head = (size_t)(head_end + 4 - connection->input), body = 0;
        for (char *line = connection->input; line < head_end;) {
            if (!strncasecmp(line, "content-length:", 15)) body = strtoul(line + 15, NULL, 10);
            line = memchr(line, '\n', (size_t)(head_end + 2 - line));
            if (!line) break;
            line++;
        }
        if (head + body > input_capacity) return 0;
        if (connection->input_count < head + body) return 1;
        int is_stream = memmem(connection->input + head, body, "\"stream\":true", 13) != NULL;
        connection->input_count -= head + body;
        memmove(connection->input, connection->input + head + body, connection->input_count);
        if (is_stream) {
            if (!say(connection, stream_head, sizeof stream_head - 1)) return 0;
            begin_stream(connection);
        } else if (!say(connection, message, message_count)) {
            return 0;
        }
    }
}

static int hear(struct connection *connection) {
    if (connection->tls && !connection->is_shaken) {
        int result = SSL_accept(connection->tls);
        if (result != 1) return SSL_get_error(connection->tls, result) == SSL_ERROR_WANT_READ;
        connection->is_shaken = 1;
    }
    for (;;) {
        size_t room = input_capacity - connection->input_count;
        ssize_t count;
        if (connection->tls) {
            count = SSL_read(connection->tls, connection->input + connection->input_count, (int)room);
            if (count <= 0) return SSL_get_error(connection->tls, (int)count) == SSL_ERROR_WANT_READ;
        } else {
            count = recv(connection->fd, connection->input + connection->input_count, room, 0);
            if (count <= 0) return count < 0 && errno == EAGAIN;
        }
        connection->input_count += (size_t)count;
        if (!answer(connection)) return 0;
        if (!connection->tls && (size_t)count < room) return 1;
    }
}

static void welcome(int listener, int is_tls) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *connection = calloc(1, sizeof *connection);
        connection->fd = fd;
        connection->input = malloc(input_capacity);
        if (is_tls) {
            connection->tls = SSL_new(tls_context);
            SSL_set_fd(connection->tls, fd);
        }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        check(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    }
}

static int listen_on_loopback(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    check(fd >= 0 && bind(fd, (void *)&address, sizeof address) == 0 && listen(fd, 4096) == 0, "listen");
    check(getsockname(fd, (void *)&address, &length) == 0, "getsockname");
    *port = ntohs(address.sin_port);
    return fd;
}

static void prepare_answers(void) {
    char text[800], body[1400];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    int body_count = snprintf(
        body, sizeof body,
        "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-bench-1\",\"content\":[{\"type\":"
        "\"text\",\"text\":\"%s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
        "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":150}}",
        text);
    message_count = (size_t)snprintf(
        message, sizeof message,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_bench\r\n"
        "anthropic-organization-id: org_bench\r\nanthropic-ratelimit-requests-limit: 4000\r\n"
        "anthropic-ratelimit-requests-remaining: 3999\r\ncontent-length: %d\r\n\r\n%s",
        body_count, body);
    char event[256];
    int event_count = snprintf(
        event, sizeof event,
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
        "\"text\":\"%.64s\"}}\n\n",
        text);
    event_chunk_count = (size_t)snprintf(event_chunk, sizeof event_chunk, "%x\r\n%s\r\n", event_count, event);
}

int main(int count, char **arguments) {
    if (count != 3 && count != 5) {
        fprintf(stderr, "usage: upstream EVENTS INTERVAL_MS [CERTIFICATE KEY]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    events_per_stream = atol(arguments[1]);
    interval_ns = (long long)(atof(arguments[2]) * 1e6);
    prepare_answers();
    loop = epoll_create1(EPOLL_CLOEXEC);
    int plain_port, tls_port = 0, plain = listen_on_loopback(&plain_port), tls = -1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &plain};
    check(epoll_ctl(loop, EPOLL_CTL_ADD, plain, &event) == 0, "epoll_ctl");
    if (count == 5) {
        tls_context = SSL_CTX_new(TLS_server_method());
        check(SSL_CTX_use_certificate_chain_file(tls_context, arguments[3]) == 1, "certificate");
        check(SSL_CTX_use_PrivateKey_file(tls_context, arguments[4], SSL_FILETYPE_PEM) == 1, "key");
        SSL_CTX_set_read_ahead(tls_context, 1);
        tls = listen_on_loopback(&tls_port);
        event.data.ptr = &tls;
        check(epoll_ctl(loop, EPOLL_CTL_ADD, tls, &event) == 0, "epoll_ctl");
    }
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec each = {{0, 1000000}, {0, 1000000}};
    timerfd_settime(timer, 0, &each, NULL);
    event.data.ptr = &timer;
    check(epoll_ctl(loop, EPOLL_CTL_ADD, timer, &event) == 0, "epoll_ctl");
    printf("%d %d\n", plain_port, tls_port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(loop, events, 256, -1), is_tick_due = 0;
        for (int index = 0; index < ready; index++) {
            void *what = events[index].data.ptr;
            if (what == &plain) {
                welcome(plain, 0);
            } else if (what == &tls) {
                welcome(tls, 1);
            } else if (what == &timer) {
                unsigned long long expirations;
                is_tick_due = read(timer, &expirations, sizeof expirations) > 0;
            } else if (!hear(what)) {
                end(what);
            }
        }
        /* After the batch: a tick may end connections that the batch still names. */
        if (is_tick_due) tick();
    }
}
