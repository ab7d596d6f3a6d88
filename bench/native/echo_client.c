// A lean TCP echo client over epoll: keeps one message in flight on each of many connections and counts round trips.
// Checks every byte that comes back. Prints one line of JSON.
//   echo_client PORT CONNECTIONS MESSAGE_BYTES WARMUP_SECONDS SECONDS
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kEvents = 512, kMessageMax = 65536 };

struct connection {
  int fd;
  unsigned received;
  unsigned char mark;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char* what) {
  fprintf(stderr, "echo_client: %s: %s\n", what, strerror(errno));
  exit(1);
}

static unsigned message_bytes;
static char message[kMessageMax], answer[kMessageMax];

static void send_message(struct connection* c) {
  c->mark++;
  memset(message, c->mark, message_bytes);
  c->received = 0;
  // One message is in flight at a time, so the socket buffer always has room for it.
  if (send(c->fd, message, message_bytes, MSG_NOSIGNAL) != (ssize_t)message_bytes) fail("send");
}

int main(int argc, char** argv) {
  if (argc < 6) {
    fprintf(stderr, "usage: echo_client PORT CONNECTIONS MESSAGE_BYTES WARMUP_SECONDS SECONDS\n");
    return 2;
  }
  const int port = atoi(argv[1]), count = atoi(argv[2]);
  message_bytes = (unsigned)atoi(argv[3]);
  const double warmup = atof(argv[4]), seconds = atof(argv[5]);
  if (count < 1 || message_bytes < 1 || message_bytes > kMessageMax) return 2;
  struct connection* connections = calloc((size_t)count, sizeof(*connections));
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int one = 1;
  for (int i = 0; i < count; i++) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connections[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connections[i].fd < 0 || connect(connections[i].fd, (struct sockaddr*)&address, sizeof(address)) != 0)
      fail("connect");
    setsockopt(connections[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event) != 0) fail("epoll_ctl");
  }
  for (int i = 0; i < count; i++) send_message(&connections[i]);
  uint64_t trips = 0;
  double start = now() + warmup;
  const double end = start + seconds;
  int counting = 0;
  struct epoll_event events[kEvents];
  for (;;) {
    const double t = now();
    if (!counting && t >= start) {
      counting = 1;
      start = t;
      trips = 0;
    }
    if (t >= end) break;
    const int ready = epoll_wait(epoll, events, kEvents, 1000);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int e = 0; e < ready; e++) {
      struct connection* c = &connections[events[e].data.u32];
      const ssize_t n = recv(c->fd, answer, message_bytes - c->received, 0);
      if (n <= 0) fail("recv");
      for (ssize_t i = 0; i < n; i++)
        if ((unsigned char)answer[i] != c->mark) {
          fprintf(stderr, "echo_client: a wrong byte came back\n");
          return 1;
        }
      c->received += (unsigned)n;
      if (c->received == message_bytes) {
        trips++;
        send_message(c);
      }
    }
  }
  printf("{\"roundTrips\":%llu,\"seconds\":%.6f}\n", (unsigned long long)trips, now() - start);
  return 0;
}
