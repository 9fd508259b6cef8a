"""Uses Millrace's topics with confluent-kafka, as a client of another team would.

usage: client.py BROKERS put ID TEXT | delete ID | ask TEXT   (prints JSON)
"""
import json
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

brokers, action, argument = sys.argv[1:4]
# librdkafka's default partitioner would choose another partition than Millrace expects.
producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random"})


def follow(topic):
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "client-" + uuid.uuid4().hex,
                         "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    ends = [TopicPartition(topic, p, consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1])
            for p in partitions]
    consumer.assign(ends)
    return consumer


def wait(consumer, matches):
    end = time.time() + 60
    while time.time() < end:
        message = consumer.poll(1)
        if message is None or message.error() or message.value() is None:
            continue
        value = json.loads(message.value())
        if matches(value):
            print(json.dumps(value))
            return
    sys.exit("no result after 60 s")


if action == "ask":
    consumer = follow("rag.answers")
    query = {"id": uuid.uuid4().hex, "text": argument}
    producer.produce("rag.queries", json.dumps(query))
    producer.flush()
    wait(consumer, lambda value: value["id"] == query["id"])
else:
    consumer = follow("rag.document-status")
    value = json.dumps({"id": argument, "text": sys.argv[4]}) if action == "put" else None
    offsets = []
    producer.produce("rag.documents", value, key="default/" + argument,
                     on_delivery=lambda error, message: offsets.append(None if error else message.offset()))
    producer.flush()
    # Wait for the state of this version: an older version may get its state in the meantime.
    wait(consumer, lambda v: v["id"] == argument and v["state"] != "accepted"
         and v["version"].endswith(f".{offsets[0]}"))
