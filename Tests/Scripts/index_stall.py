"""How long acknowledgements take by their record's offset, for three distances of index entries.

    python index_stall.py BOOTSTRAP

Apache Kafka maps each segment's index into memory as a sparse file and writes its first entry after index.interval.bytes:
that write finds no block on the disk yet, and the acknowledgement waits for the file system. Only what each new topic's
first records pay; on a file system in memory nobody pays it.
"""

import statistics
import sys
import time
import uuid

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

bootstrap = sys.argv[1]
admin = AdminClient({"bootstrap.servers": bootstrap})
for interval in ("1", "4096", "16384"):
    topics = [f"index-stall-{uuid.uuid4()}" for _ in range(5)]
    settings = {"index.interval.bytes": interval}
    for created in admin.create_topics([NewTopic(topic, 1, 1, config=settings) for topic in topics]).values():
        created.result()
    time.sleep(1)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "socket.nagle.disable": True})
    producer.list_topics(timeout=5)
    times, slow = [], {}
    for topic in topics:
        for offset in range(80):
            start = time.perf_counter()
            producer.produce(topic, b"x" * 190, partition=0)
            producer.flush()
            if offset == 0:  # connections
                continue
            milliseconds = (time.perf_counter() - start) * 1000
            times.append(milliseconds)
            if milliseconds > 25:
                slow.setdefault(offset, []).append(round(milliseconds))
            time.sleep(0.005)
    print(f"index.interval.bytes {interval}: p50 {statistics.median(times):.2f} ms, over 25 ms at offset:",
          ", ".join(f"{offset} {found} ms" for offset, found in sorted(slow.items())) or "none")
    for deleted in admin.delete_topics(topics).values():
        deleted.result()
