/* What the mock upstream and the load driver share: the clock, buffers, sockets.
 *
 * Rule: nothing here knows HTTP. Failures of the machine end the program with a message.
 */
#ifndef BENCH_SOCKETS_H
#define BENCH_SOCKETS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    char *data;
    size_t size, room;
} Buffer;

static inline void die(const char *what) {
    perror(what);
    exit(1);
}

static inline int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void reserve(Buffer *b, size_t more) {
    if (b->size + more <= b->room) return;
    while (b->size + more > b->room) b->room = b->room ? b->room * 2 : 16384;
    if (!(b->data = realloc(b->data, b->room))) die("realloc");
}

static inline void append(Buffer *b, const void *data, size_t size) {
    reserve(b, size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void drop_front(Buffer *b, size_t size) {
    b->size -= size;
    memmove(b->data, b->data + size, b->size);
}

__attribute__((format(printf, 2, 3))) static inline void print_to(Buffer *b, const char *form, ...) {
    va_list args;
    va_start(args, form);
    reserve(b, 2048);
    int n = vsnprintf(b->data + b->size, 2048, form, args);
    va_end(args);
    if (n < 0 || n >= 2048) die("print_to");
    b->size += (size_t)n;
}

static inline void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static inline void unblock(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)) die("fcntl");
}

static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

#endif
