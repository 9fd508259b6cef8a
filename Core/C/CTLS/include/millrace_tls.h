#pragma once
#include <stddef.h>
#include <stdint.h>

// TLS for hiredis 0.14, which does not support it.

/// Connects to host:port with TLS 1.2 or later, and verifies the server's certificate and its name.
/// Returns a local socket: bytes that are written to it reach the server encrypted, and bytes that the server sends can
/// be read from it. A thread of its own carries the bytes, and ends when either side closes.
/// `ca_file` is a PEM file with the trusted certificates; NULL for the system's.
/// Returns -1 with a message on failure, or after `milliseconds` (resolving the name is not limited).
int millrace_tls_connect(const char *host, uint16_t port, const char *ca_file, int milliseconds, char *message,
                         size_t message_bytes);
