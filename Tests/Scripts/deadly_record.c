// A library to preload in tests of records that kill workers: it ends the process when it produces chunks that contain
// the marker. With DEADLY_WAY=crash the process aborts, as after a fault in C code. With DEADLY_WAY=memory it uses up
// all memory that it may have, and then dies like code that needs more.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

rd_kafka_error_t *rd_kafka_produceva(rd_kafka_t *handle, const rd_kafka_vu_t *fields, size_t count) {
  static const char marker[] = "MARKER-THAT-KILLS";
  // Only chunks kill the process: the record's dead letter contains the marker too, and must be produced.
  int is_chunks = 0;
  for (size_t index = 0; index < count; index++) {
    if (fields[index].vtype == RD_KAFKA_VTYPE_TOPIC) is_chunks = strstr(fields[index].u.cstr, "chunks") != NULL;
  }
  for (size_t index = 0; index < count; index++) {
    if (!is_chunks || fields[index].vtype != RD_KAFKA_VTYPE_VALUE || !fields[index].u.mem.ptr) continue;
    if (memmem(fields[index].u.mem.ptr, fields[index].u.mem.size, marker, sizeof marker - 1)) {
      const char *way = getenv("DEADLY_WAY");
      // abort() also works where the signal is blocked.
      if (!way || strcmp(way, "memory")) abort();
      // The process has already mapped more than this limit, so it can map no further page.
      struct rlimit limit = {1 << 20, 1 << 20};
      setrlimit(RLIMIT_AS, &limit);
      for (size_t size = 1 << 20; size >= 16; size /= 2) {
        for (void *block = malloc(size); block; block = malloc(size)) memset(block, 1, size);
      }
      char *volatile more = malloc(1 << 20);
      more[0] = 1;
    }
  }
  rd_kafka_error_t *(*produce)(rd_kafka_t *, const rd_kafka_vu_t *, size_t) =
      (rd_kafka_error_t * (*)(rd_kafka_t *, const rd_kafka_vu_t *, size_t))dlsym(RTLD_NEXT, "rd_kafka_produceva");
  return produce(handle, fields, count);
}
