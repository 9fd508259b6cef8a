#pragma once
#include <stddef.h>
#include <stdint.h>

// An HTTP server over libmicrohttpd's own thread. Swift can't call libmicrohttpd's variadic functions, and
// libmicrohttpd calls its handler several times for one request. This wrapper hands a request over once, as
// an exchange, and any thread answers it, at once or later, whole or piece by piece. The functions below may
// be called from any thread.

struct millrace_http_server;
/// A request and its response. Reference-counted: the server holds a reference while the connection needs the
/// exchange, and the receiver of `millrace_http_handler` holds another until it calls `millrace_http_release`.
struct millrace_http_exchange;

/// Receives a request whose body has arrived. Called on the server's thread, so it must not block.
typedef void (*millrace_http_handler)(void *context, struct millrace_http_exchange *exchange);
/// Called on the server's thread when a streamed response has room again or its connection is closed.
typedef void (*millrace_http_changed)(void *context);
typedef void (*millrace_http_pair)(void *context, const char *name, const char *value);

struct millrace_http_limits {
  size_t body_bytes_max;    // of a request; a longer Content-Length gets a 413, a longer chunked body is cut off
  size_t stream_bytes_max;  // of a streamed response that the client has not taken yet
  unsigned int connections_max;
  unsigned int exchanges_max;  // not answered or still streamed; a further request gets a 503
  unsigned int idle_seconds_max;
  /// For a whole request to arrive, and for the client to take a response that is not streamed. Checked only when a new
  /// connection begins.
  unsigned int request_seconds_max;
};

/// Listens on an IPv4 address; port 0 takes any free port. Returns NULL when the address can't be used.
struct millrace_http_server *millrace_http_start(const char *host, uint16_t port, struct millrace_http_limits limits,
                                                 millrace_http_handler handler, void *context);
uint16_t millrace_http_port(struct millrace_http_server *server);
/// Closes every connection, answered or not, and waits for the server's thread to end. Called on that thread, it does
/// not wait.
void millrace_http_stop(struct millrace_http_server *server);

// The parts of the request. They are valid until a response is given.
const char *millrace_http_method(struct millrace_http_exchange *exchange);
/// The path of the URL, decoded, without the query.
const char *millrace_http_path(struct millrace_http_exchange *exchange);
void millrace_http_each_header(struct millrace_http_exchange *exchange, millrace_http_pair body, void *context);
void millrace_http_each_query(struct millrace_http_exchange *exchange, millrace_http_pair body, void *context);
const char *millrace_http_body(struct millrace_http_exchange *exchange, size_t *length);

/// Returns 1 to the first caller. Only that caller may call `millrace_http_add_header`, `millrace_http_respond`,
/// `millrace_http_begin`, `millrace_http_write` and `millrace_http_end`. Returns 0 to all later callers.
int millrace_http_claim(struct millrace_http_exchange *exchange);
/// Adds a header to the response that will be given.
void millrace_http_add_header(struct millrace_http_exchange *exchange, const char *name, const char *value);
/// Gives the whole response. The bytes are copied.
void millrace_http_respond(struct millrace_http_exchange *exchange, unsigned int status, const char *body, size_t length);
/// Begins a response whose body follows by `millrace_http_write`. When `changed` can't be called any more, `release` is
/// called once, on any thread.
void millrace_http_begin(struct millrace_http_exchange *exchange, unsigned int status, millrace_http_changed changed,
                         millrace_http_changed release, void *context);
/// Appends bytes to a streamed body. Returns 1 when they were taken, 0 when too many bytes have not been sent yet (then
/// wait for `changed`), and -1 when the connection is closed, the body has ended or memory is short.
int millrace_http_write(struct millrace_http_exchange *exchange, const char *bytes, size_t length);
/// Ends a streamed body. If it is not complete, the connection is cut off, so that the client sees an error.
void millrace_http_end(struct millrace_http_exchange *exchange, int is_complete);
void millrace_http_release(struct millrace_http_exchange *exchange);
