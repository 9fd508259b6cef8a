#define _GNU_SOURCE
#include "millrace_tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { piece = 16384 };

struct tunnel {
  SSL *ssl;
  int network, local;
};

static int milliseconds_left(const struct timespec *end) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long long left = (end->tv_sec - now.tv_sec) * 1000LL + (end->tv_nsec - now.tv_nsec) / 1000000;
  return left > 0 ? (int)left : 0;
}

/// Returns 0, or an errno.
static int wait_for(int socket, short events, const struct timespec *end) {
  struct pollfd entry = {socket, events, 0};
  for (;;) {
    int ready = poll(&entry, 1, milliseconds_left(end));
    if (ready > 0) return 0;
    if (ready == 0) return ETIMEDOUT;
    if (errno != EINTR) return errno;
  }
}

static int connect_one(const struct addrinfo *address, const struct timespec *end, int *code) {
  int network = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (network < 0) {
    *code = errno;
    return -1;
  }
  *code = connect(network, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
  if (*code == EINPROGRESS) {
    *code = wait_for(network, POLLOUT, end);
    socklen_t length = sizeof *code;
    if (*code == 0) getsockopt(network, SOL_SOCKET, SO_ERROR, code, &length);
  }
  if (*code == 0) return network;
  close(network);
  return -1;
}

static void *carry(void *context) {
  struct tunnel *tunnel = context;
  char out[piece], in[piece];
  int out_count = 0, in_count = 0, in_start = 0, is_open = 1;
  // SIGPIPE, which a write to a closed socket raises, must not end the process.
  sigset_t pipes;
  sigemptyset(&pipes);
  sigaddset(&pipes, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipes, NULL);
  while (is_open) {
    short wants = POLLIN;  // events to wait for on the network socket
    // To the server.
    if (out_count > 0) {
      int written = SSL_write(tunnel->ssl, out, out_count);
      if (written > 0) {
        memmove(out, out + written, (size_t)(out_count - written));
        out_count -= written;
        if (out_count > 0) continue;
      } else {
        int code = SSL_get_error(tunnel->ssl, written);
        if (code == SSL_ERROR_WANT_WRITE) wants |= POLLOUT;
        else if (code != SSL_ERROR_WANT_READ) break;
      }
    }
    // From the server.
    if (in_count == 0) {
      int got = SSL_read(tunnel->ssl, in, sizeof in);
      if (got > 0) {
        in_count = got;
        in_start = 0;
      } else {
        int code = SSL_get_error(tunnel->ssl, got);
        if (code == SSL_ERROR_WANT_WRITE) wants |= POLLOUT;
        else if (code != SSL_ERROR_WANT_READ) break;
      }
    }
    if (in_count > 0) {
      ssize_t written = send(tunnel->local, in + in_start, (size_t)in_count, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (written > 0) {
        in_start += (int)written;
        in_count -= (int)written;
        if (in_count == 0) continue;  // OpenSSL may already hold more decrypted bytes
      } else if (errno != EAGAIN && errno != EINTR) {
        break;
      }
    }
    short network_wants = in_count > 0 ? (short)(wants & POLLOUT) : wants;
    // poll reports POLLHUP even if nothing is asked for, so this loop would spin until the local side has read all.
    struct pollfd entries[2] = {{network_wants ? tunnel->network : -1, network_wants, 0},
                                {tunnel->local, (short)((out_count == 0 ? POLLIN : 0) | (in_count > 0 ? POLLOUT : 0)), 0}};
    if (poll(entries, 2, -1) < 0 && errno != EINTR) break;
    if (entries[1].revents & (POLLIN | POLLHUP | POLLERR)) {
      if (out_count == 0) {
        ssize_t got = recv(tunnel->local, out, sizeof out, MSG_DONTWAIT);
        if (got > 0) out_count = (int)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR)) is_open = 0;
      } else if (entries[1].revents & (POLLHUP | POLLERR)) {
        is_open = 0;
      }
    }
    if (entries[0].revents & (POLLERR | POLLNVAL)) is_open = 0;
  }
  SSL_shutdown(tunnel->ssl);
  SSL_free(tunnel->ssl);
  close(tunnel->network);
  close(tunnel->local);
  free(tunnel);
  return NULL;
}

static void describe(const char *what, char *message, size_t bytes) {
  unsigned long code = ERR_get_error();
  char reason[200] = "no reason given";
  if (code) ERR_error_string_n(code, reason, sizeof reason);
  snprintf(message, bytes, "%s: %s", what, reason);
}

/// Begins a TLS session over a connected socket. Returns NULL with a message on failure.
static SSL *begin(int network, const char *host, const char *ca_file, const struct timespec *end, char *message,
                  size_t bytes) {
  ERR_clear_error();
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (!context) {
    describe("TLS", message, bytes);
    return NULL;
  }
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  int is_trusting = ca_file ? SSL_CTX_load_verify_locations(context, ca_file, NULL) : SSL_CTX_set_default_verify_paths(context);
  SSL *ssl = is_trusting == 1 ? SSL_new(context) : NULL;
  if (!ssl) describe("trusted certificates", message, bytes);
  SSL_CTX_free(context);
  if (!ssl) return NULL;
  unsigned char address[16];
  int is_address = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
  int is_named = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
                            : SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
  int result = is_named && SSL_set_fd(ssl, network) ? 0 : -1;
  while (result == 0) {
    ERR_clear_error();
    int done = SSL_connect(ssl);
    if (done == 1) return ssl;
    int code = SSL_get_error(ssl, done);
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) {
      int wait = wait_for(network, code == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, end);
      if (wait == 0) continue;
      snprintf(message, bytes, "TLS: %s", strerror(wait));
    } else {
      long verified = SSL_get_verify_result(ssl);
      if (verified != X509_V_OK)
        snprintf(message, bytes, "the server's certificate: %s", X509_verify_cert_error_string(verified));
      else describe("TLS", message, bytes);
    }
    result = -2;
  }
  if (result == -1) describe("TLS", message, bytes);
  SSL_free(ssl);
  return NULL;
}

int millrace_tls_connect(const char *host, uint16_t port, const char *ca_file, int milliseconds, char *message,
                         size_t message_bytes) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += milliseconds / 1000;
  end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec++;
    end.tv_nsec -= 1000000000;
  }
  char service[8];
  snprintf(service, sizeof service, "%u", (unsigned)port);
  struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  int code = getaddrinfo(host, service, &wanted, &found);
  if (code != 0) {
    snprintf(message, message_bytes, "%s", gai_strerror(code));
    return -1;
  }
  int network = -1;
  code = EHOSTUNREACH;
  for (struct addrinfo *address = found; address && network < 0; address = address->ai_next)
    network = connect_one(address, &end, &code);
  freeaddrinfo(found);
  if (network < 0) {
    snprintf(message, message_bytes, "%s", strerror(code));
    return -1;
  }
  int yes = 1;
  setsockopt(network, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(network, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
  SSL *ssl = begin(network, host, ca_file, &end, message, message_bytes);
  int ends[2] = {-1, -1};
  struct tunnel *tunnel = ssl ? calloc(1, sizeof *tunnel) : NULL;
  if (tunnel && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
    *tunnel = (struct tunnel){ssl, network, ends[1]};
    pthread_t thread;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&detached, 256 << 10);
    code = pthread_create(&thread, &detached, carry, tunnel);
    pthread_attr_destroy(&detached);
    if (code == 0) return ends[0];
    close(ends[0]);
    close(ends[1]);
  }
  if (ssl) {
    snprintf(message, message_bytes, "no resources for a TLS connection");
    SSL_free(ssl);
  }
  free(tunnel);
  close(network);
  return -1;
}
