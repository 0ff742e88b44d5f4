/* A mock upstream that is never the bottleneck: one thread, epoll, answers rendered beforehand.
 *
 *     mock_upstream PORT        listens on 127.0.0.1, prints the port (0 takes a free one)
 *
 * POST /v1/chat/completions is answered in OpenAI's form, POST /v1/messages in Anthropic's. The
 * shape of the answer is named in the request's text, which every proxy passes on:
 *
 *     bench-shape:small              one JSON answer (so does a request without a shape)
 *     bench-shape:text-1000          a stream of 1000 deltas, as fast as it is read
 *     bench-shape:tool-1000          of a tool's arguments; reasoning-1000: of reasoning
 *     bench-shape:paced-20ms-500     500 text deltas, one every 20 ms
 *
 * Every delta is an HTTP chunk of its own of 180 to 250 bytes and holds the character ~ once, so
 * that the load driver can count deltas whatever a proxy made of them. A paced delta says when it
 * was sent: ~@ and CLOCK_MONOTONIC in 19 digits of nanoseconds.
 */
#define _GNU_SOURCE
#include "sockets.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

enum { BLOCK = 1000, MOST_SHAPES = 256, MOST_BACKLOG = 1 << 20, LEAST_DELTA = 180, DELTA_SPREAD = 70 };

typedef enum { WHOLE, TEXT, TOOL, REASONING } Kind;

typedef struct {
    char name[64];
    bool native;
    Kind kind;
    int64_t count;  /* deltas */
    int64_t period; /* nanoseconds between them; 0 = as fast as they are read */
    Buffer head, block, tail;
    size_t ends[BLOCK + 1]; /* ends[n] = bytes of the first n deltas of the block */
} Shape;

typedef struct Connection {
    int fd;
    Buffer in, out;
    Shape *shape; /* what is being answered, NULL between requests */
    int64_t position, length; /* bytes of a full-speed answer */
    int64_t left;             /* deltas of a paced answer */
    int64_t due;
    int heap_index; /* -1: no timer */
    bool wants_out;
    size_t scanned; /* bytes of a chunked request body already walked */
} Connection;

static Shape *shapes[MOST_SHAPES];
static int shape_count;
static int poller, timer, listener;
static Connection **heap;
static int heap_size, heap_room;
static int64_t armed;
static uint32_t phase_seed;

/* ---- rendering ---- */

static void chunk(Buffer *to, const char *data, size_t size) {
    print_to(to, "%zx\r\n", size);
    append(to, data, size);
    append(to, "\r\n", 2);
}

static void chunk_text(Buffer *to, const char *text) { chunk(to, text, strlen(text)); }

#define CHAT_OPEN                                                                        \
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000," \
    "\"model\":\"bench-model\",\"choices\":[{\"index\":0,\"delta\":"
#define CHAT_CLOSE ",\"finish_reason\":null}]}\n\n"
#define NATIVE_OPEN                                                                         \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"

typedef struct {
    const char *before, *after;
} Envelope;

static const Envelope ENVELOPES[2][4] = {
    {
        [TEXT] = {CHAT_OPEN "{\"content\":\"", "\"}" CHAT_CLOSE},
        [TOOL] = {CHAT_OPEN "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"",
                  "\"}}]}" CHAT_CLOSE},
        [REASONING] = {CHAT_OPEN "{\"reasoning_content\":\"", "\"}" CHAT_CLOSE},
    },
    {
        [TEXT] = {NATIVE_OPEN "{\"type\":\"text_delta\",\"text\":\"", "\"}}\n\n"},
        [TOOL] = {NATIVE_OPEN "{\"type\":\"input_json_delta\",\"partial_json\":\"", "\"}}\n\n"},
        [REASONING] = {NATIVE_OPEN "{\"type\":\"thinking_delta\",\"thinking\":\"", "\"}}\n\n"},
    },
};

static const char *WORDS[] = {"return ", "the ", "value ", "of ", "path ", "and ", "then ",
                              "reads ", "each ", "file ", "in ", "order, ", "self.", "config ",
                              "(see ", "below) ", "index ", "= ", "0; "};

/* What a delta says beside its mark; now and then what JSON must escape, and what is not ASCII. */
static void delta_text(Buffer *to, Kind kind, int index, size_t size) {
    uint32_t seed = (uint32_t)index * 2654435761u + 12345u;
    size_t end = to->size + size;
    if (index % 8 == 3) append(to, kind == TOOL ? "\\\\n" : "\\n", kind == TOOL ? 3 : 2);
    if (index % 16 == 6) append(to, kind == TOOL ? "\\\\\\\"" : "\\\"", kind == TOOL ? 4 : 2);
    if (index % 16 == 9) append(to, "\303\251t\303\251 ", 6);
    while (to->size < end) {
        seed = seed * 1664525u + 1013904223u;
        const char *word = WORDS[(seed >> 16) % (sizeof WORDS / sizeof *WORDS)];
        size_t length = strlen(word), room = end - to->size;
        append(to, word, length < room ? length : room);
    }
}

static void render_delta(Buffer *to, const Shape *shape, int index, const char *mark) {
    static Buffer event;
    Envelope envelope = ENVELOPES[shape->native][shape->kind];
    size_t fixed = strlen(envelope.before) + strlen(envelope.after) + strlen(mark);
    size_t wanted = LEAST_DELTA + (uint32_t)index * 2654435761u % DELTA_SPREAD;
    event.size = 0;
    append(&event, envelope.before, strlen(envelope.before));
    append(&event, mark, strlen(mark));
    delta_text(&event, shape->kind, index, wanted > fixed + 8 ? wanted - fixed : 8);
    append(&event, envelope.after, strlen(envelope.after));
    chunk(to, event.data, event.size);
}

/* The mark of a paced delta, before its time of sending is known. */
#define UNSTAMPED "~@0000000000000000000 "

static void append_stamped(Buffer *to, const Shape *s, int index) {
    size_t begin = to->size;
    append(to, s->block.data + s->ends[index], s->ends[index + 1] - s->ends[index]);
    char *digit = (char *)memchr(to->data + begin, '@', to->size - begin) + 19;
    for (int64_t now = now_ns(); now; now /= 10) *digit-- = (char)('0' + now % 10);
}

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    "X-Request-Id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n";

static void render_chat_stream(Shape *s) {
    chunk_text(&s->head, CHAT_OPEN "{\"role\":\"assistant\",\"content\":\"\"}" CHAT_CLOSE);
    if (s->kind == TOOL) {
        chunk_text(&s->head,
                   CHAT_OPEN "{\"tool_calls\":[{\"index\":0,\"id\":\"call_bench\",\"type\":\"function\","
                             "\"function\":{\"name\":\"write_file\",\"arguments\":\"\"}}]}" CHAT_CLOSE);
        chunk_text(&s->head, CHAT_OPEN "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                                       "\"{\\\"content\\\": \\\"\"}}]}" CHAT_CLOSE);
        chunk_text(&s->tail, CHAT_OPEN "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                                       "\"\\\"}\"}}]}" CHAT_CLOSE);
    }
    if (s->kind == REASONING) chunk_text(&s->tail, CHAT_OPEN "{\"content\":\"Done.\"}" CHAT_CLOSE);
    chunk_text(&s->tail, s->kind == TOOL
                             ? "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
                               "\"created\":1760000000,\"model\":\"bench-model\",\"choices\":[{\"index\":0,"
                               "\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
                             : "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
                               "\"created\":1760000000,\"model\":\"bench-model\",\"choices\":[{\"index\":0,"
                               "\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    chunk_text(&s->tail, "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
                         "\"created\":1760000000,\"model\":\"bench-model\",\"choices\":[],\"usage\":"
                         "{\"prompt_tokens\":1200,\"completion_tokens\":340,\"total_tokens\":1540}}\n\n");
    chunk_text(&s->tail, "data: [DONE]\n\n");
}

static void render_native_stream(Shape *s) {
    static const char *START[] = {
        [TEXT] = "{\"type\":\"text\",\"text\":\"\"}",
        [TOOL] = "{\"type\":\"tool_use\",\"id\":\"toolu_bench\",\"name\":\"write_file\",\"input\":{}}",
        [REASONING] = "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}",
    };
    static Buffer event;
    chunk_text(&s->head,
               "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\","
               "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench-model\",\"content\":[],"
               "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1200,"
               "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\n");
    event.size = 0;
    print_to(&event,
             "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
             "\"content_block\":%s}\n\n",
             START[s->kind]);
    chunk(&s->head, event.data, event.size);
    if (s->kind == TOOL) {
        chunk_text(&s->head, NATIVE_OPEN "{\"type\":\"input_json_delta\",\"partial_json\":"
                                         "\"{\\\"content\\\": \\\"\"}}\n\n");
        chunk_text(&s->tail,
                   NATIVE_OPEN "{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"}\"}}\n\n");
    }
    if (s->kind == REASONING)
        chunk_text(&s->tail,
                   NATIVE_OPEN "{\"type\":\"signature_delta\",\"signature\":\"c2lnbmF0dXJl\"}}\n\n");
    chunk_text(&s->tail,
               "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    event.size = 0;
    print_to(&event,
             "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\","
             "\"stop_sequence\":null},\"usage\":{\"output_tokens\":340}}\n\n",
             s->kind == TOOL ? "tool_use" : "end_turn");
    chunk(&s->tail, event.data, event.size);
    chunk_text(&s->tail, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

static void render_stream(Shape *s) {
    append(&s->head, STREAM_HEAD, sizeof STREAM_HEAD - 1);
    if (s->native) render_native_stream(s);
    else render_chat_stream(s);
    append(&s->tail, "0\r\n\r\n", 5);
    for (int i = 0; i < BLOCK; i++) {
        render_delta(&s->block, s, i, s->period ? UNSTAMPED : "~");
        s->ends[i + 1] = s->block.size;
    }
}

static void render_whole(Shape *s, const char *json) {
    print_to(&s->head,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req_bench\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(json), json);
}

static const char CHAT_ANSWER[] =
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":"
    "\"bench-model\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
    "\"~The function reads the file in order and returns the value of each path.\\nNothing else in it "
    "changes: the index stays as it is, and the configuration is read once, at the start.\"},"
    "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1200,"
    "\"completion_tokens\":34,\"total_tokens\":1234}}";

static const char NATIVE_ANSWER[] =
    "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench-model\","
    "\"content\":[{\"type\":\"text\",\"text\":"
    "\"~The function reads the file in order and returns the value of each path.\\nNothing else in it "
    "changes: the index stays as it is, and the configuration is read once, at the start.\"}],"
    "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":1200,"
    "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":34}}";

static Shape *find_shape(const char *name, bool native) {
    for (int i = 0; i < shape_count; i++)
        if (shapes[i]->native == native && !strcmp(shapes[i]->name, name)) return shapes[i];
    if (shape_count == MOST_SHAPES) {
        fprintf(stderr, "too many shapes\n");
        exit(1);
    }
    Shape *s = shapes[shape_count++] = calloc(1, sizeof *s);
    if (!s) die("calloc");
    snprintf(s->name, sizeof s->name, "%s", name);
    s->native = native;
    long long count = 0, milliseconds = 0;
    if (sscanf(name, "text-%lld", &count) == 1) s->kind = TEXT;
    else if (sscanf(name, "tool-%lld", &count) == 1) s->kind = TOOL;
    else if (sscanf(name, "reasoning-%lld", &count) == 1) s->kind = REASONING;
    else if (sscanf(name, "paced-%lldms-%lld", &milliseconds, &count) == 2) s->kind = TEXT;
    s->count = count;
    s->period = milliseconds * 1000000;
    if (s->kind == WHOLE) render_whole(s, native ? NATIVE_ANSWER : CHAT_ANSWER);
    else render_stream(s);
    return s;
}

/* ---- timers: a binary heap of connections by the time of their next delta ---- */

static void place(int index, Connection *c) {
    heap[index] = c;
    c->heap_index = index;
}

static void sift(int index) {
    Connection *c = heap[index];
    while (index && heap[(index - 1) / 2]->due > c->due) {
        place(index, heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    for (;;) {
        int child = 2 * index + 1;
        if (child >= heap_size) break;
        if (child + 1 < heap_size && heap[child + 1]->due < heap[child]->due) child++;
        if (heap[child]->due >= c->due) break;
        place(index, heap[child]);
        index = child;
    }
    place(index, c);
}

static void start_timer(Connection *c) {
    if (heap_size == heap_room) {
        heap_room = heap_room ? heap_room * 2 : 1024;
        if (!(heap = realloc(heap, (size_t)heap_room * sizeof *heap))) die("realloc");
    }
    place(heap_size, c);
    sift(heap_size++);
}

static void stop_timer(Connection *c) {
    if (c->heap_index < 0) return;
    int index = c->heap_index;
    c->heap_index = -1;
    if (index == --heap_size) return;
    place(index, heap[heap_size]);
    sift(index);
}

static void arm(void) {
    int64_t due = heap_size ? heap[0]->due : 0;
    if (due == armed) return;
    armed = due;
    struct itimerspec when = {.it_value = {due / 1000000000, due % 1000000000}};
    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL)) die("timerfd_settime");
}

/* ---- connections ---- */

static void drop(Connection *c) {
    stop_timer(c);
    close(c->fd);
    free(c->in.data);
    free(c->out.data);
    free(c);
}

static void watch(Connection *c, bool out) {
    if (c->wants_out == out) return;
    c->wants_out = out;
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | (out ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e)) die("epoll_ctl");
}

/* The piece of a full-speed answer that begins at `position`. */
static struct iovec piece(const Shape *s, int64_t position) {
    int64_t head = (int64_t)s->head.size, block = (int64_t)s->block.size;
    if (position < head) return (struct iovec){s->head.data + position, (size_t)(head - position)};
    position -= head;
    int64_t blocks = s->count / BLOCK * block;
    int64_t rest = (int64_t)s->ends[s->count % BLOCK];
    if (position < blocks) {
        int64_t within = position % block;
        return (struct iovec){s->block.data + within, (size_t)(block - within)};
    }
    position -= blocks;
    if (position < rest) return (struct iovec){s->block.data + position, (size_t)(rest - position)};
    position -= rest;
    return (struct iovec){s->tail.data + position, s->tail.size - (size_t)position};
}

/* One write of a full-speed answer. Returns false when the connection broke. */
static bool pour(Connection *c) {
    struct iovec pieces[4];
    int n = 0;
    for (int64_t at = c->position; at < c->length && n < 4; n++) {
        pieces[n] = piece(c->shape, at);
        at += (int64_t)pieces[n].iov_len;
    }
    ssize_t sent = writev(c->fd, pieces, n);
    if (sent < 0) {
        if (errno != EAGAIN) return false;
        sent = 0;
    }
    c->position += sent;
    bool done = c->position == c->length;
    if (done) c->shape = NULL;
    watch(c, !done);
    return true;
}

/* What is left of a paced answer's rendered deltas. Returns false when the connection broke. */
static bool flush(Connection *c) {
    ssize_t sent = send(c->fd, c->out.data, c->out.size, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) return false;
        sent = 0;
    }
    drop_front(&c->out, (size_t)sent);
    if (!c->out.size && !c->left) c->shape = NULL;
    watch(c, c->out.size > 0);
    return true;
}

static bool tick(Connection *c) {
    if (c->out.size < MOST_BACKLOG) append_stamped(&c->out, c->shape, (int)(c->left % BLOCK));
    c->left--;
    if (!c->left) {
        append(&c->out, c->shape->tail.data, c->shape->tail.size);
        stop_timer(c);
    } else {
        c->due += c->shape->period;
        sift(c->heap_index);
    }
    return c->wants_out || flush(c);
}

static bool begin_answer(Connection *c, Shape *shape) {
    c->shape = shape;
    if (!shape->period) {
        c->position = 0;
        c->length = (int64_t)(shape->head.size + shape->tail.size);
        if (shape->kind != WHOLE)
            c->length += shape->count / BLOCK * (int64_t)shape->block.size +
                         (int64_t)shape->ends[shape->count % BLOCK];
        return pour(c);
    }
    append(&c->out, shape->head.data, shape->head.size);
    c->left = shape->count;
    /* Streams begin at scattered phases, as those of many users would. */
    phase_seed += 0x9e3779b9u;
    int64_t phase = shape->period < 1000000000 ? shape->period : 0;
    c->due = now_ns() + (int64_t)((double)phase_seed / 4294967296.0 * (double)phase);
    start_timer(c);
    return flush(c);
}

/* ---- requests ---- */

static const char *header(const char *head, const char *end, const char *name) {
    size_t length = strlen(name);
    for (const char *line = head; line && line + length < end; line = memchr(line, '\n', (size_t)(end - line))) {
        if (*line == '\n') line++;
        if (!strncasecmp(line, name, length)) return line + length;
    }
    return NULL;
}

/* Where a chunked body that begins at `body` ends, or NULL while it is incomplete. */
static char *chunked_end(Connection *c, size_t body) {
    size_t at = c->scanned > body ? c->scanned : body;
    for (;;) {
        c->scanned = at;
        char *line_end = memmem(c->in.data + at, c->in.size - at, "\r\n", 2);
        if (!line_end) return NULL;
        size_t size = strtoul(c->in.data + at, NULL, 16);
        at = (size_t)(line_end - c->in.data) + 2 + size + 2;
        if (at > c->in.size) return NULL;
        if (!size) return c->in.data + at;
    }
}

static Shape *wanted_shape(const char *request, size_t size) {
    static const char MARK[] = "bench-shape:";
    char name[64];
    size_t n = 0;
    bool native = size > 16 && memmem(request, 64 < size ? 64 : size, "/v1/messages", 12);
    const char *found = memmem(request, size, MARK, sizeof MARK - 1);
    if (found)
        for (const char *p = found + sizeof MARK - 1; p < request + size && n < sizeof name - 1; p++) {
            if (!(*p == '-' || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z'))) break;
            name[n++] = *p;
        }
    name[n] = 0;
    return find_shape(name, native);
}

static bool answer_get(Connection *c) {
    static Shape *models;
    if (!models) {
        models = calloc(1, sizeof *models);
        if (!models) die("calloc");
        render_whole(models, "{\"object\":\"list\",\"data\":[{\"id\":\"bench-model\",\"object\":\"model\","
                             "\"created\":1760000000,\"owned_by\":\"bench\"}]}");
    }
    return begin_answer(c, models);
}

/* Answer what has arrived whole. Returns false when the connection is to be dropped. */
static bool take_requests(Connection *c) {
    while (!c->shape && c->in.size) {
        char *head_end = memmem(c->in.data, c->in.size, "\r\n\r\n", 4);
        if (!head_end) return true;
        size_t body = (size_t)(head_end - c->in.data) + 4, whole;
        const char *length = header(c->in.data, head_end, "content-length:");
        const char *coding = header(c->in.data, head_end, "transfer-encoding:");
        if (coding) {
            char *end = chunked_end(c, body);
            if (!end) return true;
            whole = (size_t)(end - c->in.data);
        } else {
            whole = body + (length ? strtoul(length, NULL, 10) : 0);
            if (whole > c->in.size) return true;
        }
        bool get = !memcmp(c->in.data, "GET ", 4);
        Shape *shape = get ? NULL : wanted_shape(c->in.data, whole);
        drop_front(&c->in, whole);
        c->scanned = 0;
        if (!(get ? answer_get(c) : begin_answer(c, shape))) return false;
    }
    return true;
}

/* Everything that the peer sent. Returns false when it has closed or the connection broke. */
static bool receive(Connection *c) {
    for (;;) {
        reserve(&c->in, 262144);
        size_t room = c->in.room - c->in.size;
        ssize_t n = recv(c->fd, c->in.data + c->in.size, room, 0);
        if (n == 0) return false;
        if (n < 0) return errno == EAGAIN;
        c->in.size += (size_t)n;
        if ((size_t)n < room) return true;
    }
}

static void accept_all(void) {
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        unblock(fd);
        Connection *c = calloc(1, sizeof *c);
        if (!c) die("calloc");
        c->fd = fd;
        c->heap_index = -1;
        struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e)) die("epoll_ctl");
    }
}

static void serve(Connection *c, uint32_t events) {
    bool alive = !(events & (EPOLLERR | EPOLLHUP));
    if (alive && (events & (EPOLLIN | EPOLLRDHUP))) alive = receive(c);
    if (alive && (events & EPOLLOUT) && c->shape) alive = c->shape->period ? flush(c) : pour(c);
    if (alive && !c->shape) alive = take_requests(c);
    if (!alive) drop(c);
}

static void run_timers(void) {
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) die("read timer");
    int64_t now = now_ns();
    while (heap_size && heap[0]->due <= now) {
        Connection *c = heap[0];
        if (!tick(c)) drop(c);
    }
}

int main(int argc, char **argv) {
    static const int one = 1;
    struct epoll_event ready[512];
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    struct sockaddr_in address = loopback(argc > 1 ? atoi(argv[1]) : 0);
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address)) die("bind");
    if (listen(listener, 4096)) die("listen");
    if (fcntl(listener, F_SETFL, O_NONBLOCK)) die("fcntl");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    e.data.ptr = &timer;
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &e);
    for (;;) {
        int n = epoll_wait(poller, ready, 512, -1);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr == &listener) accept_all();
            else if (ready[i].data.ptr != &timer) serve(ready[i].data.ptr, ready[i].events);
        }
        /* After the events of this round: a timer may drop a connection that they name. */
        run_timers();
        arm();
    }
}
