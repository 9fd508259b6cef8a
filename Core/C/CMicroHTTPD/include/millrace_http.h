#pragma once
#include <stddef.h>
#include <stdint.h>

// MHD_start_daemon is variadic, which Swift can't call: these few lines wrap the one shape that we need,
// a small server for GET requests that answers at once.

/// Answers a path: fills status, content type and body (malloc'ed, freed by the server).
typedef void (*millrace_http_responder)(void *context, const char *method, const char *path, unsigned int *status,
                                        const char **content_type, char **body, size_t *body_length);

struct millrace_http_server;

/// Listens on an IPv4 address; port 0 takes any. Returns null when the address can't be had.
struct millrace_http_server *millrace_http_start(const char *host, uint16_t port, millrace_http_responder responder,
                                                 void *context);
uint16_t millrace_http_port(struct millrace_http_server *server);
void millrace_http_stop(struct millrace_http_server *server);
