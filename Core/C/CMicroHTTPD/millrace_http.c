#include "millrace_http.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/// A connection, from its start to its end.
struct client {
  struct client *next, *previous;
  uint32_t address;
  int socket;
  double since;         // when it began to wait for a request, or to take a response
  int is_awaited;       // the handler has its request, or a stream is open
  int is_shut;
};

struct millrace_http_server {
  pthread_mutex_t lock;  // guards everything below, and every exchange
  struct MHD_Daemon *daemon;
  struct millrace_http_limits limits;
  millrace_http_handler handler;
  void *context;
  struct millrace_http_exchange *exchanges;  // those whose connection is open
  int references;                            // the owner's, and one for each exchange
  int is_stopping;
  struct client *clients;    // the newest first
  unsigned int handed_over;  // exchanges that the handler has received and not answered, and open streams
  pthread_t thread;          // libmicrohttpd's thread, known from its first call of `answer`
  int has_thread;
};

// Extra room, so that connections that are shut down but not closed yet don't take the place of others.
enum { shut_connections_max = 64 };

struct header {
  struct header *next;
  char *name, *value;
};

struct millrace_http_exchange {
  struct millrace_http_server *server;
  struct millrace_http_exchange *next, *previous;
  struct MHD_Connection *connection;  // null once it is closed
  int references;
  char *method, *path;
  char *body;
  size_t length, capacity;
  int is_too_large, is_suspended, is_queued, is_handed_over, is_counted, is_claimed;
  // The response.
  int has_response;
  unsigned int status;
  struct header *headers;
  char *bytes;
  size_t bytes_length;
  // Only of a streamed response.
  int is_stream, is_ended, is_complete;
  size_t start;  // bytes[start..<bytes_length] have not been sent yet
  millrace_http_changed changed, release;
  void *changed_context;
};

static void drop_server(struct millrace_http_server *server) {
  pthread_mutex_lock(&server->lock);
  int left = --server->references;
  pthread_mutex_unlock(&server->lock);
  if (left) return;
  pthread_mutex_destroy(&server->lock);
  free(server);
}

static void drop(struct millrace_http_exchange *exchange) {
  struct millrace_http_server *server = exchange->server;
  pthread_mutex_lock(&server->lock);
  int left = --exchange->references;
  pthread_mutex_unlock(&server->lock);
  if (left) return;
  if (exchange->release) exchange->release(exchange->changed_context);
  for (struct header *header = exchange->headers; header;) {
    struct header *next = header->next;
    free(header->name);
    free(header->value);
    free(header);
    header = next;
  }
  free(exchange->method);
  free(exchange->path);
  free(exchange->body);
  free(exchange->bytes);
  free(exchange);
  drop_server(server);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct client *client_of(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

/// With the lock held.
static void shut(struct client *client) {
  client->is_shut = 1;
  shutdown(client->socket, SHUT_RDWR);
}

/// With the lock held: makes room for a new connection. Otherwise a few clients that send their request, or take their
/// response, byte by byte could hold all connections forever. First all connections that took too long are shut down.
/// If that leaves no room, the address with the most connections loses the one that has waited longest, so that
/// one address can't shut out the others.
static void make_room(struct millrace_http_server *server) {
  double oldest = now() - server->limits.request_seconds_max;
  unsigned int all = 0;
  for (struct client *client = server->clients; client; client = client->next) {
    if (!client->is_awaited && !client->is_shut && client->since < oldest) shut(client);
    all += !client->is_shut;
  }
  while (all >= server->limits.connections_max) {
    struct client *victim = NULL;
    unsigned int most = 0;
    for (struct client *client = server->clients; client; client = client->next) {
      if (client->is_awaited || client->is_shut) continue;
      unsigned int same = 0;
      for (struct client *other = server->clients; other; other = other->next)
        same += !other->is_awaited && !other->is_shut && other->address == client->address;
      if (same > most || (same == most && client->since < victim->since)) {
        victim = client;
        most = same;
      }
    }
    if (!victim) return;
    shut(victim);
    all--;
  }
}

/// Called by libmicrohttpd when a connection begins or ends.
static void connected(void *cls, struct MHD_Connection *connection, void **state,
                      enum MHD_ConnectionNotificationCode code) {
  struct millrace_http_server *server = cls;
  struct client *client = *state;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const union MHD_ConnectionInfo *socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    // Without memory the connection is served, but not counted.
    if (!socket || !(client = calloc(1, sizeof *client))) return;
    client->socket = socket->connect_fd;
    if (address && address->client_addr->sa_family == AF_INET)
      client->address = ((const struct sockaddr_in *)(const void *)address->client_addr)->sin_addr.s_addr;
    client->since = now();
    pthread_mutex_lock(&server->lock);
    make_room(server);
    client->next = server->clients;
    if (client->next) client->next->previous = client;
    server->clients = client;
    pthread_mutex_unlock(&server->lock);
    *state = client;
  } else if (client) {
    pthread_mutex_lock(&server->lock);
    if (client->previous) client->previous->next = client->next;
    else server->clients = client->next;
    if (client->next) client->next->previous = client->previous;
    pthread_mutex_unlock(&server->lock);
    free(client);
    *state = NULL;
  }
}

/// With the lock held: counts a request that the handler receives (`is_awaited` is 1), or one that is answered (0).
static void count(struct millrace_http_exchange *exchange, struct MHD_Connection *connection, int is_awaited) {
  struct client *client = connection ? client_of(connection) : NULL;
  if (client) {
    client->is_awaited = is_awaited;
    client->since = now();
  }
  if (exchange->is_counted == is_awaited) return;
  exchange->is_counted = is_awaited;
  if (is_awaited) exchange->server->handed_over++;
  else exchange->server->handed_over--;
}

/// With the lock held: lets the server's thread continue with this connection, if it is suspended.
static void wake(struct millrace_http_exchange *exchange) {
  if (!exchange->is_suspended || !exchange->connection) return;
  exchange->is_suspended = 0;
  MHD_resume_connection(exchange->connection);
}

/// Called by libmicrohttpd for the next piece of a streamed body.
static ssize_t read_piece(void *cls, uint64_t position, char *buffer, size_t max) {
  (void)position;
  struct millrace_http_exchange *exchange = cls;
  struct millrace_http_server *server = exchange->server;
  ssize_t result;
  millrace_http_changed changed = NULL;
  pthread_mutex_lock(&server->lock);
  size_t left = exchange->bytes_length - exchange->start;
  if (left) {
    result = (ssize_t)(left < max ? left : max);
    memcpy(buffer, exchange->bytes + exchange->start, (size_t)result);
    exchange->start += (size_t)result;
    changed = exchange->changed;
  } else if (exchange->is_ended) {
    result = exchange->is_complete ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
  } else if (server->is_stopping) {
    result = MHD_CONTENT_READER_END_WITH_ERROR;
  } else {
    exchange->is_suspended = 1;
    MHD_suspend_connection(exchange->connection);
    result = 0;
  }
  pthread_mutex_unlock(&server->lock);
  if (changed) changed(exchange->changed_context);
  return result;
}

/// Hands the response to libmicrohttpd, on its thread.
static enum MHD_Result queue(struct millrace_http_exchange *exchange, struct MHD_Connection *connection) {
  if (exchange->is_queued) return MHD_YES;
  exchange->is_queued = 1;
  if (!exchange->is_stream) {
    pthread_mutex_lock(&exchange->server->lock);
    count(exchange, connection, 0);
    pthread_mutex_unlock(&exchange->server->lock);
  }
  struct MHD_Response *response =
      exchange->is_stream
          ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_piece, exchange, NULL)
          : MHD_create_response_from_buffer(exchange->bytes_length, exchange->bytes ? exchange->bytes : (void *)"",
                                            MHD_RESPMEM_MUST_COPY);
  if (!response) return MHD_NO;
  for (struct header *header = exchange->headers; header; header = header->next)
    MHD_add_response_header(response, header->name, header->value);
  enum MHD_Result result = MHD_queue_response(connection, exchange->status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status) {
  struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
  if (!response) return MHD_NO;
  enum MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

static struct millrace_http_exchange *open_exchange(struct millrace_http_server *server,
                                                    struct MHD_Connection *connection, const char *url,
                                                    const char *method) {
  struct millrace_http_exchange *exchange = calloc(1, sizeof *exchange);
  if (!exchange) return NULL;
  exchange->method = strdup(method);
  exchange->path = strdup(url);
  if (!exchange->method || !exchange->path) {
    free(exchange->method);
    free(exchange->path);
    free(exchange);
    return NULL;
  }
  exchange->server = server;
  exchange->connection = connection;
  exchange->references = 1;
  pthread_mutex_lock(&server->lock);
  server->references++;
  exchange->next = server->exchanges;
  if (exchange->next) exchange->next->previous = exchange;
  server->exchanges = exchange;
  pthread_mutex_unlock(&server->lock);
  return exchange;
}

static void append_body(struct millrace_http_exchange *exchange, const char *data, size_t size) {
  if (exchange->is_too_large || exchange->length + size > exchange->server->limits.body_bytes_max) {
    exchange->is_too_large = 1;
    return;
  }
  if (exchange->length + size > exchange->capacity) {
    size_t capacity = 2 * (exchange->length + size);
    char *body = realloc(exchange->body, capacity);
    if (!body) {
      exchange->is_too_large = 1;
      return;
    }
    exchange->body = body;
    exchange->capacity = capacity;
  }
  memcpy(exchange->body + exchange->length, data, size);
  exchange->length += size;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload_data, size_t *upload_data_size, void **state) {
  (void)version;
  struct millrace_http_server *server = cls;
  struct millrace_http_exchange *exchange = *state;
  if (!exchange) {
    pthread_mutex_lock(&server->lock);
    server->thread = pthread_self();
    server->has_thread = 1;
    pthread_mutex_unlock(&server->lock);
    // Refused before the body is read; a body of unknown length is cut off when it becomes too long.
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length && strtoull(length, NULL, 10) > server->limits.body_bytes_max)
      return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE);
    // On a connection that was kept alive, the time of a new request begins here.
    struct client *client = client_of(connection);
    if (client) {
      pthread_mutex_lock(&server->lock);
      client->since = now();
      pthread_mutex_unlock(&server->lock);
    }
    exchange = open_exchange(server, connection, url, method);
    *state = exchange;
    return exchange ? MHD_YES : MHD_NO;
  }
  if (*upload_data_size) {
    append_body(exchange, upload_data, *upload_data_size);
    *upload_data_size = 0;
    return exchange->is_too_large ? MHD_NO : MHD_YES;
  }
  pthread_mutex_lock(&server->lock);
  int is_new = !exchange->is_handed_over && !server->is_stopping;
  // A client that leaves is not noticed while its answer is awaited: such exchanges must not take every connection.
  int is_full = is_new && server->handed_over >= server->limits.exchanges_max;
  if (is_new && !is_full) {
    exchange->is_handed_over = 1;
    count(exchange, connection, 1);
    exchange->references++;  // the receiver's reference
  }
  pthread_mutex_unlock(&server->lock);
  if (is_full) return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE);
  if (is_new) server->handler(server->context, exchange);
  pthread_mutex_lock(&server->lock);
  int has_response = exchange->has_response;
  int is_stopping = server->is_stopping;
  if (!has_response && !is_stopping) {
    // With the lock held, so that any later response sees that the connection must be resumed.
    exchange->is_suspended = 1;
    MHD_suspend_connection(connection);
  }
  pthread_mutex_unlock(&server->lock);
  if (has_response) return queue(exchange, connection);
  return is_stopping ? refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE) : MHD_YES;
}

/// Called when the connection no longer needs the exchange: the response is sent, or the client has left.
static void completed(void *cls, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code) {
  (void)code;
  struct millrace_http_server *server = cls;
  struct millrace_http_exchange *exchange = *state;
  if (!exchange) return;
  *state = NULL;
  pthread_mutex_lock(&server->lock);
  exchange->connection = NULL;
  count(exchange, connection, 0);
  if (exchange->previous) exchange->previous->next = exchange->next;
  else server->exchanges = exchange->next;
  if (exchange->next) exchange->next->previous = exchange->previous;
  millrace_http_changed changed = exchange->changed;
  pthread_mutex_unlock(&server->lock);
  if (changed) changed(exchange->changed_context);
  drop(exchange);
}

struct millrace_http_server *millrace_http_start(const char *host, uint16_t port, struct millrace_http_limits limits,
                                                 millrace_http_handler handler, void *context) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return NULL;
  struct millrace_http_server *server = calloc(1, sizeof *server);
  if (!server) return NULL;
  pthread_mutex_init(&server->lock, NULL);
  server->references = 1;
  server->limits = limits;
  server->handler = handler;
  server->context = context;
  server->daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, port, NULL, NULL, answer, server, MHD_OPTION_SOCK_ADDR,
      (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT, limits.connections_max + shut_connections_max,
      MHD_OPTION_CONNECTION_TIMEOUT, limits.idle_seconds_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
      MHD_OPTION_NOTIFY_COMPLETED, completed, server, MHD_OPTION_NOTIFY_CONNECTION, connected, server, MHD_OPTION_END);
  if (!server->daemon) {
    drop_server(server);
    return NULL;
  }
  return server;
}

uint16_t millrace_http_port(struct millrace_http_server *server) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info ? info->port : 0;
}

static void *stop_daemon(void *cls) {
  struct millrace_http_server *server = cls;
  MHD_stop_daemon(server->daemon);
  drop_server(server);
  return NULL;
}

void millrace_http_stop(struct millrace_http_server *server) {
  pthread_mutex_lock(&server->lock);
  server->is_stopping = 1;
  // libmicrohttpd aborts the process when it is stopped with suspended connections.
  for (struct millrace_http_exchange *exchange = server->exchanges; exchange; exchange = exchange->next) wake(exchange);
  int is_own_thread = server->has_thread && pthread_equal(server->thread, pthread_self());
  pthread_mutex_unlock(&server->lock);
  // The server's thread can't wait for its own end.
  pthread_t thread;
  if (is_own_thread && !pthread_create(&thread, NULL, stop_daemon, server)) pthread_detach(thread);
  else stop_daemon(server);
}

const char *millrace_http_method(struct millrace_http_exchange *exchange) { return exchange->method; }
const char *millrace_http_path(struct millrace_http_exchange *exchange) { return exchange->path; }

struct pairs {
  millrace_http_pair body;
  void *context;
};

static enum MHD_Result pass_pair(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
  (void)kind;
  struct pairs *pairs = cls;
  pairs->body(pairs->context, name, value ? value : "");
  return MHD_YES;
}

static void each(struct millrace_http_exchange *exchange, enum MHD_ValueKind kind, millrace_http_pair body,
                 void *context) {
  struct pairs pairs = {body, context};
  if (exchange->connection) MHD_get_connection_values(exchange->connection, kind, pass_pair, &pairs);
}

void millrace_http_each_header(struct millrace_http_exchange *exchange, millrace_http_pair body, void *context) {
  each(exchange, MHD_HEADER_KIND, body, context);
}

void millrace_http_each_query(struct millrace_http_exchange *exchange, millrace_http_pair body, void *context) {
  each(exchange, MHD_GET_ARGUMENT_KIND, body, context);
}

const char *millrace_http_body(struct millrace_http_exchange *exchange, size_t *length) {
  *length = exchange->length;
  return exchange->body;
}

int millrace_http_claim(struct millrace_http_exchange *exchange) {
  pthread_mutex_lock(&exchange->server->lock);
  int is_first = !exchange->is_claimed;
  exchange->is_claimed = 1;
  pthread_mutex_unlock(&exchange->server->lock);
  return is_first;
}

void millrace_http_add_header(struct millrace_http_exchange *exchange, const char *name, const char *value) {
  struct header *header = calloc(1, sizeof *header);
  if (!header) return;
  header->name = strdup(name);
  header->value = strdup(value);
  pthread_mutex_lock(&exchange->server->lock);
  if (header->name && header->value && !exchange->has_response) {
    header->next = exchange->headers;
    exchange->headers = header;
    header = NULL;
  }
  pthread_mutex_unlock(&exchange->server->lock);
  if (!header) return;
  free(header->name);
  free(header->value);
  free(header);
}

/// With the lock held. Returns 0 when memory is short.
static int append_bytes(struct millrace_http_exchange *exchange, const char *bytes, size_t length) {
  size_t left = exchange->bytes_length - exchange->start;
  if (!length) return 1;
  char *joined = malloc(left + length);
  if (!joined) return 0;
  if (left) memcpy(joined, exchange->bytes + exchange->start, left);
  memcpy(joined + left, bytes, length);
  free(exchange->bytes);
  exchange->bytes = joined;
  exchange->bytes_length = left + length;
  exchange->start = 0;
  return 1;
}

void millrace_http_respond(struct millrace_http_exchange *exchange, unsigned int status, const char *body,
                           size_t length) {
  pthread_mutex_lock(&exchange->server->lock);
  if (!exchange->has_response) {
    exchange->status = append_bytes(exchange, body, length) ? status : 500;
    exchange->has_response = 1;
    wake(exchange);
  }
  pthread_mutex_unlock(&exchange->server->lock);
}

void millrace_http_begin(struct millrace_http_exchange *exchange, unsigned int status, millrace_http_changed changed,
                         millrace_http_changed release, void *context) {
  pthread_mutex_lock(&exchange->server->lock);
  exchange->status = status;
  exchange->is_stream = 1;
  exchange->changed = changed;
  exchange->release = release;
  exchange->changed_context = context;
  exchange->has_response = 1;
  wake(exchange);
  pthread_mutex_unlock(&exchange->server->lock);
}

int millrace_http_write(struct millrace_http_exchange *exchange, const char *bytes, size_t length) {
  struct millrace_http_server *server = exchange->server;
  int result = -1;
  pthread_mutex_lock(&server->lock);
  if (exchange->connection && !exchange->is_ended && !server->is_stopping) {
    size_t left = exchange->bytes_length - exchange->start;
    // When nothing waits, a piece is taken however long it is.
    result = !left || left + length <= server->limits.stream_bytes_max;
    if (result && !append_bytes(exchange, bytes, length)) result = -1;
    wake(exchange);
  }
  pthread_mutex_unlock(&server->lock);
  return result;
}

void millrace_http_end(struct millrace_http_exchange *exchange, int is_complete) {
  pthread_mutex_lock(&exchange->server->lock);
  if (!exchange->is_ended) {
    exchange->is_ended = 1;
    exchange->is_complete = is_complete;
    wake(exchange);
  }
  pthread_mutex_unlock(&exchange->server->lock);
}

void millrace_http_release(struct millrace_http_exchange *exchange) {
  pthread_mutex_lock(&exchange->server->lock);
  exchange->changed = NULL;
  int is_open = exchange->is_stream && !exchange->is_ended;
  if (is_open) exchange->is_ended = 1;
  if (!exchange->has_response) {
    exchange->status = 500;
    exchange->has_response = 1;
  }
  wake(exchange);
  pthread_mutex_unlock(&exchange->server->lock);
  drop(exchange);
}
