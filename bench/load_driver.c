/* A load driver that costs little: one thread, epoll, one request repeated on K connections.
 *
 *     load_driver --port P --request FILE [options]         prints one JSON object
 *
 * FILE holds the whole HTTP request, head and body: the driver knows no API. Each connection sends
 * it, reads the answer to its end, and sends it again. Of the answer only the framing is looked at,
 * the status, and the characters ~ in the body: the mock upstream puts one into every delta. In
 * paced streams ~@ is followed by the time of sending in 19 digits (CLOCK_MONOTONIC, same machine).
 *
 *     --connections K    how many at once (1)
 *     --seconds S        how long is measured (1)
 *     --requests N       ... or until N requests are answered (0: no bound)
 *     --at-least N       ... and until N requests are, but no longer than ten times S (0)
 *     --warmup S         seconds before the measurement begins (0)
 *     --ramp S           seconds over which the connections are opened (0)
 *     --await-open S     begin only when every connection has had a delta, for at most S seconds (0)
 *     --deltas N         an answer with fewer is a failure (1)
 *     --drain S          how long answers under way are read to their end afterwards (1)
 *     --stall            stop reading after the first delta, and hold the connections
 *     --cpu PID,PID,...  also report the CPU time of these processes during the measurement
 */
#define _GNU_SOURCE
#include "sockets.h"

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>

enum { MOST_PIDS = 256, MOST_HEAD = 32768, STAMP = 21, READ_SIZE = 262144 };

typedef enum { CLOSED, CONNECTING, SENDING, HEAD, BODY, PARKED } State;
typedef enum { LENGTH, CHUNKED, UNTIL_CLOSE } Framing;
typedef enum { SIZE_LINE, DATA, DATA_END, TRAILER } ChunkState;

typedef struct {
    int fd;
    State state;
    bool used;    /* an answer came over it before */
    bool opened;  /* has had a delta or a whole answer */
    bool said_close;
    size_t sent;
    int64_t retry_at, began;
    Buffer head; /* the answer's head; of a failed one the beginning of the body too */
    int status;
    Framing framing;
    ChunkState chunk;
    int64_t remaining; /* bytes of the body or of the chunk */
    char line[32];     /* a chunk's size line */
    int line_size;
    bool last_chunk;
    int64_t deltas;
    char stamp[STAMP]; /* a time of sending that was cut by the end of a read */
    int stamp_size;
    char previous; /* last byte seen, for blank lines across reads */
} Connection;

typedef struct {
    int64_t *values;
    size_t count, room;
} Sample;

static struct {
    int port, connections;
    double seconds, warmup, ramp, await_open, drain;
    int64_t requests, at_least, deltas;
    bool stall;
    Buffer request;
    pid_t pids[MOST_PIDS];
    int pid_count;
} option = {.connections = 1, .seconds = 1, .deltas = 1, .drain = 1};

static struct {
    int64_t requests, failures, reconnects, deltas, events, bytes, cpu;
    Sample first, whole, added;
    Buffer failure;
} total;

static Connection *connections;
static int poller, opened_count;
static bool measuring, draining;
static char buffer[READ_SIZE];

static void note(Sample *s, int64_t value) {
    if (!measuring) return;
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 4096;
        if (!(s->values = realloc(s->values, s->room * sizeof *s->values))) die("realloc");
    }
    s->values[s->count++] = value;
}

/* CPU time of a process with all its threads, as clock_getcpuclockid(3) finds it. */
static int64_t cpu_time(void) {
    int64_t sum = 0;
    for (int i = 0; i < option.pid_count; i++) {
        struct timespec t;
        clockid_t clock;
        if (clock_getcpuclockid(option.pids[i], &clock) || clock_gettime(clock, &t)) continue;
        sum += (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    }
    return sum;
}

/* ---- connections ---- */

static void listen_for(Connection *c, uint32_t events, int how) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, how, c->fd, &e)) die("epoll_ctl");
}

static void hang_up(Connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->state = CLOSED;
    c->used = false;
}

static void open_connection(Connection *c) {
    struct sockaddr_in address = loopback(option.port);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0) die("socket");
    unblock(c->fd);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        die("connect");
    c->state = CONNECTING;
    listen_for(c, EPOLLOUT, EPOLL_CTL_ADD);
}

static void fail(Connection *c, const char *why) {
    if (!draining) {
        total.failures++;
        if (!total.failure.size) {
            append(&total.failure, why, strlen(why));
            append(&total.failure, ": ", 2);
            append(&total.failure, c->head.data, c->head.size < 600 ? c->head.size : 600);
        }
    }
    hang_up(c);
    c->retry_at = now_ns() + 50000000;
}

static void send_rest(Connection *c) {
    while (c->sent < option.request.size) {
        ssize_t n = send(c->fd, option.request.data + c->sent, option.request.size - c->sent, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) return listen_for(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            if (!c->used) return fail(c, "sending");
            total.reconnects++;
            return hang_up(c);
        }
        c->sent += (size_t)n;
    }
    listen_for(c, EPOLLIN, EPOLL_CTL_MOD);
    c->state = HEAD;
}

static void begin_request(Connection *c) {
    if (draining) return hang_up(c);
    c->state = SENDING;
    c->sent = c->head.size = 0;
    c->deltas = c->line_size = c->stamp_size = 0;
    c->last_chunk = c->said_close = false;
    c->previous = 0;
    c->began = now_ns();
    send_rest(c);
}

static void answered(Connection *c) {
    if (c->status != 200) return fail(c, "refused");
    if (c->deltas < option.deltas) return fail(c, "deltas are missing");
    if (measuring) {
        total.requests++;
        note(&total.whole, now_ns() - c->began);
    }
    c->used = true;
    if (c->said_close || c->framing == UNTIL_CLOSE) hang_up(c);
    else begin_request(c);
}

/* ---- bodies ---- */

static void saw_stamp(const char *digits) {
    int64_t sent = 0;
    for (int i = 0; i < STAMP - 2; i++) {
        if (digits[i] < '0' || digits[i] > '9') return;
        sent = sent * 10 + (digits[i] - '0');
    }
    note(&total.added, now_ns() - sent);
}

/* The stamp that the last read cut, completed by the beginning of this one. */
static void finish_stamp(Connection *c, const char *data, size_t size) {
    while (c->stamp_size < STAMP && size) {
        if (c->stamp_size == 1 && *data != '@') break;
        c->stamp[c->stamp_size++] = *data++;
        size--;
    }
    if (c->stamp_size == STAMP) saw_stamp(c->stamp + 2);
    if (size || c->stamp_size == STAMP) c->stamp_size = 0;
}

static void find_stamps(Connection *c, const char *data, size_t size) {
    if (c->stamp_size) finish_stamp(c, data, size);
    const char *end = data + size;
    for (const char *p = data; (p = memchr(p, '~', (size_t)(end - p))); p++) {
        size_t left = (size_t)(end - p);
        if (left > 1 && p[1] != '@') continue;
        if (left >= STAMP) {
            saw_stamp(p + 2);
        } else {
            memcpy(c->stamp, p, left);
            c->stamp_size = (int)left;
        }
    }
}

static void saw_data(Connection *c, const char *data, size_t size) {
    int64_t marks = 0, blank = c->previous == '\n' && data[0] == '\n';
    for (size_t i = 0; i < size; i++) marks += data[i] == '~';
    for (size_t i = 1; i < size; i++) blank += (data[i] == '\n') & (data[i - 1] == '\n');
    c->previous = data[size - 1];
    if (c->status != 200) append(&c->head, data, size);
    if (marks) {
        if (!c->deltas) note(&total.first, now_ns() - c->began);
        if (!c->opened) opened_count++;
        c->opened = true;
        c->deltas += marks;
    }
    if (measuring) {
        total.deltas += marks;
        total.events += blank;
        total.bytes += (int64_t)size;
    }
    if (marks || c->stamp_size) find_stamps(c, data, size);
}

/* One step through a chunked body. Returns how many bytes it took. */
static size_t step(Connection *c, const char *data, size_t size) {
    if (c->chunk == DATA) {
        size_t n = (int64_t)size < c->remaining ? size : (size_t)c->remaining;
        saw_data(c, data, n);
        if (!(c->remaining -= (int64_t)n)) c->chunk = DATA_END;
        return n;
    }
    const char *line_end = memchr(data, '\n', size);
    size_t n = line_end ? (size_t)(line_end - data) + 1 : size;
    for (size_t i = 0; i < n && c->line_size < (int)sizeof c->line - 1; i++) c->line[c->line_size++] = data[i];
    if (!line_end) return n;
    c->line[c->line_size] = 0;
    if (c->chunk == DATA_END) c->chunk = SIZE_LINE;
    else if (c->chunk == TRAILER) c->last_chunk = c->line[0] == '\r' || c->line[0] == '\n';
    else if ((c->remaining = strtol(c->line, NULL, 16))) c->chunk = DATA;
    else c->chunk = TRAILER;
    c->line_size = 0;
    return n;
}

/* Returns true at the end of the body. */
static bool read_body(Connection *c, const char *data, size_t size) {
    if (c->framing == CHUNKED) {
        while (size && !c->last_chunk) {
            size_t n = step(c, data, size);
            data += n;
            size -= n;
        }
        return c->last_chunk;
    }
    if (size) saw_data(c, data, size);
    if (c->framing == UNTIL_CLOSE) return false;
    return (c->remaining -= (int64_t)size) <= 0;
}

static const char *header(const Connection *c, const char *name) {
    size_t length = strlen(name);
    const char *end = c->head.data + c->head.size;
    for (const char *p = c->head.data; (p = memchr(p, '\n', (size_t)(end - p)));) {
        if ((size_t)(end - ++p) > length && !strncasecmp(p, name, length)) return p + length + strspn(p + length, " ");
    }
    return NULL;
}

static void read_framing(Connection *c) {
    const char *coding = header(c, "transfer-encoding:"), *length = header(c, "content-length:");
    const char *connection = header(c, "connection:");
    c->status = c->head.size > 12 ? atoi(c->head.data + 9) : 0;
    c->framing = coding ? CHUNKED : length ? LENGTH : UNTIL_CLOSE;
    c->remaining = length && !coding ? strtoll(length, NULL, 10) : 0;
    c->chunk = SIZE_LINE;
    c->said_close = connection && !strncasecmp(connection, "close", 5);
    c->state = BODY;
}

static void took(Connection *c, const char *data, size_t size) {
    if (c->state == HEAD) {
        size_t before = c->head.size;
        append(&c->head, data, size);
        char *end = memmem(c->head.data, c->head.size, "\r\n\r\n", 4);
        if (!end) {
            if (c->head.size > MOST_HEAD) fail(c, "endless head");
            return;
        }
        size_t head = (size_t)(end - c->head.data) + 4;
        c->head.size = head;
        read_framing(c);
        data += head - before;
        size -= head - before;
        if (!size && !(c->framing == LENGTH && !c->remaining)) return;
    }
    if (read_body(c, data, size)) answered(c);
}

static void lost(Connection *c) {
    if (c->state == BODY && c->framing == UNTIL_CLOSE) return answered(c);
    if (c->used && c->state == HEAD && !c->head.size) {
        total.reconnects++; /* the server closed an idle connection: not a failure */
        return hang_up(c);
    }
    fail(c, c->state == BODY ? "the answer was cut" : "closed without an answer");
}

static void readable(Connection *c) {
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n > 0) took(c, buffer, (size_t)n);
    else if (n == 0 || errno != EAGAIN) lost(c);
    if (option.stall && c->state == BODY && c->deltas) {
        c->state = PARKED;
        listen_for(c, 0, EPOLL_CTL_MOD);
    }
}

static void handle(Connection *c, uint32_t events) {
    if (c->state == PARKED || c->state == CLOSED) return;
    if (c->state == CONNECTING) {
        if (events & (EPOLLERR | EPOLLHUP)) fail(c, "cannot connect");
        else begin_request(c);
        return;
    }
    if (c->state == SENDING && (events & EPOLLOUT)) send_rest(c);
    if (c->fd >= 0 && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) readable(c);
}

/* ---- phases ---- */

static void open_due(int64_t start, int64_t now) {
    double share = option.ramp > 0 ? (double)(now - start) / 1e9 / option.ramp : 1;
    int until = share >= 1 ? option.connections : (int)(share * option.connections) + 1;
    for (int i = 0; i < until && i < option.connections; i++)
        if (connections[i].state == CLOSED && connections[i].retry_at <= now) open_connection(&connections[i]);
}

static int busy_count(void) {
    int n = 0;
    for (int i = 0; i < option.connections; i++) n += connections[i].state != CLOSED;
    return n;
}

static void poll_once(int64_t start) {
    struct epoll_event ready[512];
    int n = epoll_wait(poller, ready, 512, 5);
    for (int i = 0; i < n; i++) handle(ready[i].data.ptr, ready[i].events);
    if (!draining) open_due(start, now_ns());
}

static bool warm(int64_t start) {
    double passed = (double)(now_ns() - start) / 1e9;
    if (passed < option.warmup || passed < option.ramp) return false;
    return opened_count == option.connections || passed >= option.await_open;
}

static bool enough(int64_t now, int64_t began) {
    double passed = (double)(now - began) / 1e9;
    if (option.requests && total.requests >= option.requests) return true;
    if (passed < option.seconds) return false;
    return total.requests >= option.at_least || passed > 10 * option.seconds;
}

static double measure(void) {
    int64_t start = now_ns();
    while (!warm(start)) poll_once(start);
    measuring = true;
    total.failures = 0;
    int64_t began = now_ns(), ended;
    int64_t cpu = cpu_time();
    do {
        poll_once(start);
        ended = now_ns();
    } while (!enough(ended, began));
    total.cpu = cpu_time() - cpu;
    measuring = false;
    return (double)(ended - began) / 1e9;
}

static void drain(void) {
    draining = true;
    int64_t until = now_ns() + (int64_t)(option.drain * 1e9);
    for (int i = 0; i < option.connections; i++)
        if (connections[i].state == CONNECTING || connections[i].state == PARKED) hang_up(&connections[i]);
    while (busy_count() && now_ns() < until) poll_once(0);
}

/* ---- the report ---- */

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print_sample(const char *name, Sample *s) {
    qsort(s->values, s->count, sizeof *s->values, compare);
    printf(", \"%s\": ", name);
    if (!s->count) {
        printf("null");
        return;
    }
    printf("{\"count\": %zu, \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}", s->count,
           (double)s->values[s->count / 2] / 1e6, (double)s->values[s->count * 99 / 100] / 1e6,
           (double)s->values[s->count - 1] / 1e6);
}

static void print_text(const Buffer *b) {
    putchar('"');
    for (size_t i = 0; i < b->size; i++) {
        unsigned char byte = (unsigned char)b->data[i];
        if (byte == '"' || byte == '\\') printf("\\%c", byte);
        else if (byte < 32 || byte > 126) printf("\\u%04x", byte);
        else putchar(byte);
    }
    putchar('"');
}

static void report(double seconds) {
    struct timespec own;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    printf("{\"seconds\": %.6f, \"requests\": %lld, \"failures\": %lld, \"reconnects\": %lld, \"opened\": %d",
           seconds, (long long)total.requests, (long long)total.failures, (long long)total.reconnects,
           opened_count);
    printf(", \"deltas\": %lld, \"events\": %lld, \"bytes\": %lld, \"cpu_seconds\": %.9f",
           (long long)total.deltas, (long long)total.events, (long long)total.bytes,
           (double)total.cpu / 1e9);
    printf(", \"driver_cpu_seconds\": %.6f", (double)own.tv_sec + (double)own.tv_nsec / 1e9);
    print_sample("first_delta_ms", &total.first);
    print_sample("answer_ms", &total.whole);
    print_sample("added_ms", &total.added);
    printf(", \"first_failure\": ");
    if (total.failure.size) print_text(&total.failure);
    else printf("null");
    printf("}\n");
}

/* ---- options ---- */

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, file)) > 0) append(&option.request, buffer, n);
    fclose(file);
}

static void read_pids(char *list) {
    for (char *pid = strtok(list, ","); pid && option.pid_count < MOST_PIDS; pid = strtok(NULL, ","))
        option.pids[option.pid_count++] = atoi(pid);
}

static void read_options(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'},    {"request", 1, 0, 'f'}, {"connections", 1, 0, 'k'}, {"seconds", 1, 0, 's'},
        {"requests", 1, 0, 'n'}, {"warmup", 1, 0, 'w'},  {"ramp", 1, 0, 'r'},        {"await-open", 1, 0, 'o'},
        {"deltas", 1, 0, 'd'},  {"drain", 1, 0, 'e'},   {"stall", 0, 0, 'x'},       {"cpu", 1, 0, 'c'},
        {"at-least", 1, 0, 'l'},
        {0, 0, 0, 0},
    };
    int o;
    while ((o = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (o) {
        case 'p': option.port = atoi(optarg); break;
        case 'f': read_request(optarg); break;
        case 'k': option.connections = atoi(optarg); break;
        case 's': option.seconds = atof(optarg); break;
        case 'n': option.requests = atoll(optarg); break;
        case 'l': option.at_least = atoll(optarg); break;
        case 'w': option.warmup = atof(optarg); break;
        case 'r': option.ramp = atof(optarg); break;
        case 'o': option.await_open = atof(optarg); break;
        case 'd': option.deltas = atoll(optarg); break;
        case 'e': option.drain = atof(optarg); break;
        case 'x': option.stall = true; break;
        case 'c': read_pids(optarg); break;
        default: exit(2);
        }
    }
    if (!option.port || !option.request.size || option.connections < 1) {
        fprintf(stderr, "load_driver: --port and --request are needed\n");
        exit(2);
    }
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    read_options(argc, argv);
    poller = epoll_create1(0);
    connections = calloc((size_t)option.connections, sizeof *connections);
    if (!connections) die("calloc");
    for (int i = 0; i < option.connections; i++) connections[i].fd = -1;
    double seconds = measure();
    drain();
    report(seconds);
    return 0;
}
