"""Reads topic `acked` to its end and compares it with the acknowledged numbers.

usage: check_acked.py BROKERS FILE
The exit code is 1 if a number is missing or occurs twice.
"""
import collections
import sys

from confluent_kafka import Consumer, TopicPartition

brokers, path = sys.argv[1:3]
acked = [line.strip() for line in open(path)]
consumer = Consumer({"bootstrap.servers": brokers, "group.id": "check", "enable.auto.commit": False})
ends = {p: consumer.get_watermark_offsets(TopicPartition("acked", p), 20)[1] for p in range(4)}
consumer.assign([TopicPartition("acked", p, 0) for p in range(4)])
seen = collections.Counter()
open_partitions = {p for p, end in ends.items() if end > 0}
while open_partitions:
    message = consumer.poll(20)
    if message is None:
        sys.exit(f"partitions {open_partitions} can't be read to their ends")
    if message.error() or message.offset() >= ends[message.partition()]:
        continue
    seen[message.value().decode()] += 1
    if message.offset() == ends[message.partition()] - 1:
        open_partitions.discard(message.partition())
lost = [number for number in acked if number not in seen]
doubled = [number for number, count in seen.items() if count > 1]
print(f"acknowledged {len(acked)}, read {sum(seen.values())}, lost {len(lost)}, doubled {len(doubled)}")
sys.exit(1 if lost or doubled or not acked else 0)
