#pragma once
#include <stddef.h>
#include <stdint.h>

// A server over libmicrohttpd's own thread. Its calls are variadic, which Swift can't use, and it wants to
// be asked for a response again and again, so this file turns both round: a request is handed over once, as
// an exchange, and any thread answers it, at once or later, whole or piece by piece. Every call below may
// come from any thread.

struct millrace_http_server;
/// A request and its response. Counted: the server holds a reference while the connection needs the
/// exchange, the receiver of `millrace_http_handler` holds another until it calls `millrace_http_release`.
struct millrace_http_exchange;

/// Takes a request whose body has arrived. Called on the server's thread: it must not block.
typedef void (*millrace_http_handler)(void *context, struct millrace_http_exchange *exchange);
/// A streamed response has room again, or its connection is closed. Called on the server's thread.
typedef void (*millrace_http_changed)(void *context);
typedef void (*millrace_http_pair)(void *context, const char *name, const char *value);

struct millrace_http_limits {
  size_t body_bytes_max;    // of a request; more is answered with 413
  size_t stream_bytes_max;  // of a streamed response that the client has not taken yet
  unsigned int connections_max;
  unsigned int exchanges_max;  // handed over at a time; more are answered with 503
  unsigned int idle_seconds_max;
  /// For a whole request to arrive, and for a response to be taken. Looked at when a connection begins.
  unsigned int request_seconds_max;
};

/// Listens on an IPv4 address; port 0 takes any. Returns null when the address can't be had.
struct millrace_http_server *millrace_http_start(const char *host, uint16_t port, struct millrace_http_limits limits,
                                                 millrace_http_handler handler, void *context);
uint16_t millrace_http_port(struct millrace_http_server *server);
/// Closes every connection, answered or not, and waits for the server's thread to end. Called on that thread, it does
/// not wait.
void millrace_http_stop(struct millrace_http_server *server);

// The request, valid until a response is given.
const char *millrace_http_method(struct millrace_http_exchange *exchange);
/// The path of the URL, decoded, without the query.
const char *millrace_http_path(struct millrace_http_exchange *exchange);
void millrace_http_each_header(struct millrace_http_exchange *exchange, millrace_http_pair body, void *context);
void millrace_http_each_query(struct millrace_http_exchange *exchange, millrace_http_pair body, void *context);
const char *millrace_http_body(struct millrace_http_exchange *exchange, size_t *length);

/// Returns 1 to the first caller, who alone may call `millrace_http_add_header`, `millrace_http_respond`,
/// `millrace_http_begin`, `millrace_http_write` and `millrace_http_end`; 0 to all later ones.
int millrace_http_claim(struct millrace_http_exchange *exchange);
/// Adds a header to the response that will be given.
void millrace_http_add_header(struct millrace_http_exchange *exchange, const char *name, const char *value);
/// Gives the whole response. The bytes are copied.
void millrace_http_respond(struct millrace_http_exchange *exchange, unsigned int status, const char *body, size_t length);
/// Begins a response whose body follows by `millrace_http_write`. `release` is called once, when `changed` can't be
/// called any more.
void millrace_http_begin(struct millrace_http_exchange *exchange, unsigned int status, millrace_http_changed changed,
                         millrace_http_changed release, void *context);
/// 1: taken; 0: the client has not taken enough yet, wait for `changed`; -1: the connection is closed.
int millrace_http_write(struct millrace_http_exchange *exchange, const char *bytes, size_t length);
/// Ends a streamed body; one that is not complete is cut off, so that the client sees an error.
void millrace_http_end(struct millrace_http_exchange *exchange, int is_complete);
void millrace_http_release(struct millrace_http_exchange *exchange);
