"""Moves the offsets of a group without members to the end of a topic.   usage: skip_group.py BOOTSTRAP GROUP TOPIC"""
import sys
from confluent_kafka import Consumer, TopicPartition

bootstrap, group, topic = sys.argv[1:4]
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
partitions = consumer.list_topics(topic, 10).topics[topic].partitions
ends = [TopicPartition(topic, p, consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1]) for p in partitions]
consumer.commit(offsets=ends, asynchronous=False)
print("moved", group)
