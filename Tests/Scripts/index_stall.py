"""Measures how long acknowledgements take, by record offset, for three values of index.interval.bytes.

usage: index_stall.py BOOTSTRAP

Apache Kafka maps each segment's index into memory as a sparse file. It writes the first entry after
index.interval.bytes. This write needs a new block on the disk, and the acknowledgement waits for the file system. It
affects only the first records of each new topic, and not on a file system in memory.
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
