/* Opens WebSocket connections between processes of one host, both ends plain C over epoll: what Python is measured by.
 *
 *     cc -O2 -o epoll_pair epoll_pair.c
 *     ./epoll_pair 61189 [PER_PROCESS [OPENERS [WINDOW]]]
 *
 * As many servers as clients, PER_PROCESS connections each; the servers share one port by SO_REUSEPORT. OPENERS clients
 * open at a time, with WINDOW handshakes in flight each, and then hold. No more is done than opening takes: every key
 * and every answer are the same (the example of RFC 6455 section 1.3), and nothing of them is checked.
 *
 * Prints one line, `connections=61189 failed=0 seconds=1.741 rate=35146`, and leaves nothing behind: both ends close by
 * RST, and no process outlives the first.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24 /* linux/in.h */
#endif

enum { BATCH = 512, ACCEPTS = 64, BACKLOG = 4096, SOURCES = 3, STALL_MS = 5000 };
enum state { NEW, CONNECTING, ASKED, OPEN };

struct plan {
    int connections, per_process, openers, window;
    struct sockaddr_in server;
};

struct outcome {
    int open, failed;
};

static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static _Noreturn void die(const char *what) {
    perror(what);
    exit(EXIT_FAILURE);
}

static int must(int result, const char *what) {
    if (result < 0) die(what);
    return result;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static pid_t spawn(void) {
    pid_t parent = getpid(), child = must(fork(), "fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(EXIT_FAILURE); /* it died before prctl */
    }
    return child;
}

static void set(int fd, int level, int option, int value) {
    must(setsockopt(fd, level, option, &value, sizeof value), "setsockopt");
}

static void close_by_reset(int fd) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "setsockopt");
}

static int control(int epoll, int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(epoll, operation, fd, &event);
}

/* The server. */

static int listen_on(struct sockaddr_in *address) {
    int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
    socklen_t size = sizeof *address;
    set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    close_by_reset(fd); /* accepted sockets inherit it */
    must(bind(fd, (struct sockaddr *)address, sizeof *address), "bind");
    must(listen(fd, BACKLOG), "listen");
    must(getsockname(fd, (struct sockaddr *)address, &size), "getsockname"); /* the others share the first one's port */
    return fd;
}

static void accept_batch(int epoll, int listener) {
    for (int n = 0; n < ACCEPTS; n++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) return;
        must(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN), "epoll_ctl");
    }
}

static _Noreturn void serve(int listener) {
    struct epoll_event events[BATCH];
    char buffer[4096];
    int epoll = must(epoll_create1(0), "epoll_create1");
    must(control(epoll, EPOLL_CTL_ADD, listener, EPOLLIN), "epoll_ctl");
    for (;;) {
        int ready = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_batch(epoll, listener);
            else if (read(fd, buffer, sizeof buffer) <= 0 || write(fd, answer, sizeof answer - 1) < 0)
                close(fd);
        }
    }
}

/* The client. */

static int begin(int epoll, const struct plan *plan, int index, int number) {
    /* A few source addresses a process keep each of them in the half of its ports in which connect() is cheap. */
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7f020001u + (uint32_t)(index * SOURCES + number % SOURCES)); /* 127.2.0.1 … */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    close_by_reset(fd);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) == 0 &&
        (connect(fd, (const struct sockaddr *)&plan->server, sizeof plan->server) == 0 || errno == EINPROGRESS) &&
        control(epoll, EPOLL_CTL_ADD, fd, EPOLLOUT) == 0)
        return fd;
    close(fd);
    return -1;
}

static enum state advance(int epoll, int fd, enum state state) {
    char buffer[4096];
    switch (state) {
    case CONNECTING:
        if (write(fd, request, sizeof request - 1) == sizeof request - 1 && control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN) == 0)
            return ASKED;
        break;
    case ASKED:
        if (read(fd, buffer, sizeof buffer) > 0) return OPEN;
        break;
    case OPEN: /* it was closed again: the outcome stands, and epoll need not tell of it for ever */
        control(epoll, EPOLL_CTL_DEL, fd, 0);
        return OPEN;
    case NEW:
        break;
    }
    close(fd);
    return NEW;
}

static _Noreturn void open_share(const struct plan *plan, int index, int wanted, int report) {
    struct epoll_event events[BATCH];
    struct outcome outcome = {0, 0};
    struct rlimit files;
    must(getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
    unsigned char *states = calloc(files.rlim_cur, 1);
    int epoll = must(epoll_create1(0), "epoll_create1"), begun = 0;
    if (states == NULL) die("calloc");
    while (outcome.open + outcome.failed < wanted) {
        for (; begun < wanted && begun - outcome.open - outcome.failed < plan->window; begun++) {
            int fd = begin(epoll, plan, index, begun);
            if (fd < 0)
                outcome.failed++;
            else
                states[fd] = CONNECTING;
        }
        int ready = epoll_wait(epoll, events, BATCH, STALL_MS);
        if (ready == 0) { /* nothing moves: the rest has failed */
            outcome.failed = wanted - outcome.open;
            break;
        }
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            enum state before = states[fd], after = advance(epoll, fd, before);
            states[fd] = (unsigned char)after;
            outcome.open += after == OPEN && before != OPEN;
            outcome.failed += after == NEW;
        }
    }
    if (write(report, &outcome, sizeof outcome) != sizeof outcome) die("write");
    for (;;) pause();
}

static int share_of(const struct plan *plan, int processes, int index) {
    return plan->connections / processes + (index < plan->connections % processes);
}

static struct outcome open_all(const struct plan *plan, int processes, pid_t *pids) {
    struct outcome total = {0, 0}, one;
    int reports[2], launched = 0;
    must(pipe(reports), "pipe");
    for (int done = 0; done < processes; done++) {
        for (; launched < processes && launched - done < plan->openers; launched++)
            if ((pids[launched] = spawn()) == 0)
                open_share(plan, launched, share_of(plan, processes, launched), reports[1]);
        if (read(reports[0], &one, sizeof one) != sizeof one) die("read");
        total.open += one.open;
        total.failed += one.failed;
    }
    return total;
}

static int argument(int argc, char **argv, int at, int otherwise) {
    if (at >= argc) return otherwise;
    char *end;
    long value = strtol(argv[at], &end, 10);
    if (*end != '\0' || value < 1 || value > 100000000) {
        fprintf(stderr, "%s: expected a number from 1 to 100000000\n", argv[at]);
        exit(2);
    }
    return (int)value;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 5) {
        fprintf(stderr, "usage: epoll_pair CONNECTIONS [PER_PROCESS [OPENERS [WINDOW]]]\n");
        return 2;
    }
    struct plan plan = {
        .connections = argument(argc, argv, 1, 0),
        .per_process = argument(argc, argv, 2, 18000),
        .openers = argument(argc, argv, 3, 2),
        .window = argument(argc, argv, 4, 256),
        .server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
    };
    struct rlimit files;
    must(getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
    files.rlim_cur = files.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
    signal(SIGPIPE, SIG_IGN);

    int processes = (plan.connections + plan.per_process - 1) / plan.per_process;
    pid_t *pids = calloc(2 * (size_t)processes, sizeof *pids);
    if (pids == NULL) die("calloc");
    for (int i = 0; i < processes; i++) {
        int listener = listen_on(&plan.server);
        if ((pids[processes + i] = spawn()) == 0) serve(listener);
        close(listener); /* only its own server may have it: a listener without a reader is a black hole */
    }
    double started = seconds_now();
    struct outcome outcome = open_all(&plan, processes, pids);
    double seconds = seconds_now() - started;
    for (int i = 0; i < 2 * processes; i++) kill(pids[i], SIGKILL);
    while (wait(NULL) > 0) {}
    printf("connections=%d failed=%d seconds=%.3f rate=%.0f\n", outcome.open, outcome.failed, seconds, outcome.open / seconds);
    return outcome.failed > 0;
}
