"""Prints what confluent-kafka sees on any broker: every codec, groups with members, topic settings.

usage: broker_client.py BOOTSTRAP"""
import sys, time, warnings
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

warnings.simplefilter("ignore")
bootstrap = sys.argv[1]
admin = AdminClient({"bootstrap.servers": bootstrap})
admin.create_topics([NewTopic("codecs", 1, 1, config={"retention.ms": "86400000", "max.message.bytes": "2000000"})]
                    )["codecs"].result()
for codec in ["none", "gzip", "lz4", "zstd", "snappy"]:
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 50})
    for n in range(20):
        producer.produce("codecs", f"{codec} {n} " + "x" * 200, f"{codec}-{n % 3}", headers=[("h", b"\0\1")])
    print(codec, "left", producer.flush(10))
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "members", "auto.offset.reset": "earliest",
                     "client.id": "reader", "enable.auto.commit": False})
consumer.subscribe(["codecs"])
records = []
deadline = time.time() + 30
while len(records) < 100 and time.time() < deadline:
    message = consumer.poll(1)
    if message and not message.error():
        records.append((message.offset(), message.key().decode(), message.value().decode()[:8], message.headers()))
print(len(records), records[0], records[-1], [r[0] for r in records] == list(range(100)))
consumer.commit(offsets=[TopicPartition("codecs", 0, 60)], asynchronous=False)
for group in admin.list_groups("members", timeout=10):
    print(group.id, group.state, group.protocol_type, group.protocol,
          [(m.client_id, m.client_host) for m in group.members])
# Commit metadata is not printed: confluent-kafka 2.16.1 reads beyond its end with any broker.
print([(t.topic, t.partition, t.offset) for t in consumer.committed([TopicPartition("codecs", 0)], 10)])
try:
    admin.delete_consumer_groups(["members"])["members"].result()
except KafkaException as error:
    print("delete with members:", error.args[0].name())
consumer.close()
print("delete:", admin.delete_consumer_groups(["members"])["members"].result())
try:
    admin.delete_consumer_groups(["members"])["members"].result()
except KafkaException as error:
    print("delete again:", error.args[0].name())
resource = ConfigResource("topic", "codecs")
configs = admin.describe_configs([resource])[resource].result()
for name in ["cleanup.policy", "retention.ms", "max.message.bytes", "delete.retention.ms"]:
    print(name, configs[name].value, configs[name].source, configs[name].is_default)
print("low, high:", consumer and Consumer({"bootstrap.servers": bootstrap, "group.id": "w"}).get_watermark_offsets(
    TopicPartition("codecs", 0), 10))
admin.delete_topics(["codecs"])["codecs"].result()
