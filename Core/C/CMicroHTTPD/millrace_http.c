#include "millrace_http.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

struct millrace_http_server {
  struct MHD_Daemon *daemon;
  millrace_http_responder responder;
  void *context;
};

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload_data, size_t *upload_data_size, void **state) {
  (void)version;
  (void)upload_data;
  struct millrace_http_server *server = cls;
  static int seen;
  if (!*state) {
    *state = &seen;
    return MHD_YES;
  }
  if (*upload_data_size) {
    *upload_data_size = 0;  // bodies are of no use here
    return MHD_YES;
  }
  unsigned int status = 500;
  const char *type = "text/plain; charset=utf-8";
  char *body = NULL;
  size_t length = 0;
  server->responder(server->context, method, url, &status, &type, &body, &length);
  struct MHD_Response *response = MHD_create_response_from_buffer(length, body ? body : "", 
      body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
  if (!response) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", type);
  enum MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

struct millrace_http_server *millrace_http_start(const char *host, uint16_t port, millrace_http_responder responder,
                                                 void *context) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return NULL;
  struct millrace_http_server *server = calloc(1, sizeof *server);
  if (!server) return NULL;
  server->responder = responder;
  server->context = context;
  server->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, port, NULL, NULL, answer, server,
                                    MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT,
                                    (unsigned int)64, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)10,
                                    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384, MHD_OPTION_END);
  if (!server->daemon) {
    free(server);
    return NULL;
  }
  return server;
}

uint16_t millrace_http_port(struct millrace_http_server *server) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info ? info->port : 0;
}

void millrace_http_stop(struct millrace_http_server *server) {
  MHD_stop_daemon(server->daemon);
  free(server);
}
