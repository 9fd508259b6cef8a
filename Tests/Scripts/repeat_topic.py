"""Writes every record of a topic once more, unchanged and on its partition, as after a crash before a commit.

usage: repeat_topic.py BOOTSTRAP TOPIC
Prints the number of records."""
import sys
from confluent_kafka import Consumer, Producer, TopicPartition

bootstrap, topic = sys.argv[1:3]
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "repeat", "enable.auto.commit": False})
partitions = consumer.list_topics(topic, 10).topics[topic].partitions
ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1] for p in partitions}
consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
left, records = {p for p in partitions if ends[p] > 0}, []
while left:
    message = consumer.poll(10)
    if message is None or message.error():
        sys.exit(f"{topic} can't be read: {message and message.error()}")
    if message.offset() < ends[message.partition()]:
        records.append(message)
    if message.offset() >= ends[message.partition()] - 1:
        left.discard(message.partition())
consumer.close()
producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
for record in records:
    producer.produce(topic, record.value(), record.key(), partition=record.partition(), headers=record.headers())
producer.flush(30)
print(len(records))
