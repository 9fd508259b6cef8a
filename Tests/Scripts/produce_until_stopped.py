"""Produces numbered records until FILE.stop exists, and writes the number of each acknowledged record to FILE.

usage: produce_until_stopped.py BROKERS FILE
"""
import os
import sys
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

brokers, path = sys.argv[1:3]
admin = AdminClient({"bootstrap.servers": brokers})
admin.create_topics([NewTopic("acked", 4, 1)])["acked"].result()
producer = Producer({
    "bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 1, "message.timeout.ms": 60000,
    "reconnect.backoff.max.ms": 500, "log_level": 0,
})
with open(path, "w", buffering=1) as log:
    def delivered(error, message):
        if error is None:
            log.write(message.value().decode() + "\n")

    number = 0
    while not os.path.exists(path + ".stop"):
        try:
            producer.produce("acked", str(number), on_delivery=delivered)
            number += 1
        except BufferError:
            producer.poll(0.1)
        producer.poll(0)
        time.sleep(0.001)
    producer.flush(30)
