// A plain TCP echo server over liburing, to compare with: one receive and one send in flight per connection, one system
// call per round. Prints its port, then serves until its standard input ends; then prints its CPU time as JSON.
//   echo_server_uring BUFFER_BYTES
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kConnectionsMax = 4096, kEntries = 4096 };
enum { kAccept, kReceive, kSend, kInput };

struct connection {
  int fd;
  char* buffer;
  unsigned length, sent;
};

static struct connection connections[kConnectionsMax];
static struct io_uring ring;
static unsigned buffer_bytes;

static struct io_uring_sqe* entry(void) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  if (sqe == NULL) {
    io_uring_submit(&ring);
    sqe = io_uring_get_sqe(&ring);
  }
  return sqe;
}

static void tag(struct io_uring_sqe* sqe, unsigned kind, unsigned index) {
  io_uring_sqe_set_data64(sqe, (uint64_t)kind << 32 | index);
}

static void receive(unsigned index) {
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_recv(sqe, connections[index].fd, connections[index].buffer, buffer_bytes, 0);
  tag(sqe, kReceive, index);
}

static void send_rest(unsigned index) {
  struct connection* c = &connections[index];
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_send(sqe, c->fd, c->buffer + c->sent, c->length - c->sent, MSG_NOSIGNAL);
  tag(sqe, kSend, index);
}

static void accept_next(int listener) {
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  tag(sqe, kAccept, 0);
}

static void drop(unsigned index) {
  close(connections[index].fd);
  free(connections[index].buffer);
  connections[index].buffer = NULL;
}

int main(int argc, char** argv) {
  buffer_bytes = argc > 1 ? (unsigned)atoi(argv[1]) : 4096;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof(address);
  if (bind(listener, (struct sockaddr*)&address, sizeof(address)) != 0 || listen(listener, 4096) != 0 ||
      getsockname(listener, (struct sockaddr*)&address, &length) != 0) {
    perror("echo_server_uring");
    return 1;
  }
  const int error = io_uring_queue_init(kEntries, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN);
  if (error < 0) {
    fprintf(stderr, "echo_server_uring: %s\n", strerror(-error));
    return 1;
  }
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  char input;
  struct io_uring_sqe* sqe = entry();
  io_uring_prep_read(sqe, 0, &input, 1, (uint64_t)-1);
  tag(sqe, kInput, 0);
  accept_next(listener);
  for (;;) {
    const int submitted = io_uring_submit_and_wait(&ring, 1);
    if (submitted < 0 && submitted != -EINTR) return 1;
    unsigned head, count = 0;
    struct io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring, head, cqe) {
      count++;
      const unsigned kind = (unsigned)(cqe->user_data >> 32), index = (unsigned)cqe->user_data;
      if (kind == kInput) {
        struct rusage u;
        getrusage(RUSAGE_SELF, &u);
        printf("{\"cpuSeconds\":%.6f}\n", (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                                              (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
        return 0;
      }
      if (kind == kAccept) {
        if (cqe->res >= 0) {
          // Descriptors are small numbers, so they serve as indexes.
          const unsigned at = (unsigned)cqe->res;
          if (at >= kConnectionsMax) {
            close(cqe->res);
          } else {
            connections[at].fd = cqe->res;
            connections[at].buffer = malloc(buffer_bytes);
            receive(at);
          }
        }
        if ((cqe->flags & IORING_CQE_F_MORE) == 0) accept_next(listener);
      } else if (cqe->res <= 0) {
        drop(index);
      } else if (kind == kReceive) {
        connections[index].length = (unsigned)cqe->res;
        connections[index].sent = 0;
        send_rest(index);
      } else {
        connections[index].sent += (unsigned)cqe->res;
        if (connections[index].sent < connections[index].length) {
          send_rest(index);
        } else {
          receive(index);
        }
      }
    }
    io_uring_cq_advance(&ring, count);
  }
}
