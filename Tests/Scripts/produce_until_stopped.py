"""Produces numbered records until SIGTERM and writes the number of each that was acknowledged to a file.

usage: produce_until_stopped.py BROKERS FILE
"""
import signal
import sys
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

brokers, path = sys.argv[1:3]
running = True


def stop(*_):
    global running
    running = False


signal.signal(signal.SIGTERM, stop)
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
    while running:
        try:
            producer.produce("acked", str(number), on_delivery=delivered)
            number += 1
        except BufferError:
            producer.poll(0.1)
        producer.poll(0)
        time.sleep(0.001)
    producer.flush(30)
