/* A link between two network namespaces with a delay and a loss of packets, for kernels without tc's netem: a TUN device in each, and
   packets that are passed on after their time, or not at all. The loss follows from a fixed seed.
   usage: lossy-link <namespace> <namespace> <milliseconds one way> <percent lost>. The ends are 10.77.0.1 and 10.77.0.2. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { mtu = 1500, kept = 1 << 15 };

/* The packets of one direction, in the order in which they came. */
struct queue {
  struct { int64_t due; int length; unsigned char bytes[mtu]; } packets[kept];
  unsigned first, last;
};

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int open_end(const char *name, const char *address) {
  char text[256];
  snprintf(text, sizeof text, "/run/netns/%s", name);
  int ns = open(text, O_RDONLY);
  if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) { perror(text); exit(1); }
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strcpy(request.ifr_name, "slow0");
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) { perror("/dev/net/tun"); exit(1); }
  snprintf(text, sizeof text, "ip address add %s/24 dev slow0 && ip link set slow0 up txqueuelen 20000 && ip link set lo up", address);
  if (system(text) != 0) exit(1);
  close(ns);
  return fd;
}

int main(int count, char **words) {
  if (count != 5) return 2;
  int ends[2] = {open_end(words[1], "10.77.0.1"), open_end(words[2], "10.77.0.2")};
  int64_t delay = (int64_t)(1000 * atof(words[3]));
  uint64_t lost = (uint64_t)(atof(words[4]) / 100 * 4294967296.0), state = 88172645463325252ULL;
  struct queue *queues = calloc(2, sizeof *queues);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int64_t wait = 1000000, time = now();
    for (int side = 0; side < 2; side++) {
      struct queue *q = &queues[side];
      while (q->first != q->last && q->packets[q->first % kept].due <= time) {
        if (write(ends[1 - side], q->packets[q->first % kept].bytes, q->packets[q->first % kept].length) < 0) break;
        q->first++;
      }
      if (q->first != q->last && q->packets[q->first % kept].due - time < wait) wait = q->packets[q->first % kept].due - time;
    }
    struct pollfd polled[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLIN, 0}};
    struct timespec timeout = {wait < 0 ? 0 : wait / 1000000, wait < 0 ? 0 : wait % 1000000 * 1000};
    if (ppoll(polled, 2, &timeout, NULL) < 0) return 1;
    for (int side = 0; side < 2; side++) {
      struct queue *q = &queues[side];
      while (q->last - q->first < kept) {
        int length = read(ends[side], q->packets[q->last % kept].bytes, mtu);
        if (length <= 0) break;
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        if ((state & 0xffffffff) < lost) continue;
        q->packets[q->last % kept].length = length;
        q->packets[q->last++ % kept].due = now() + delay;
      }
    }
  }
}
