"""Creates topics and the groups' first offsets on a cluster whose group coordinators appear only after 15 seconds.

usage: late_coordinator.py MILLRACE KAFKA_HOME   (prints JSON; exit status 1 when `topics create` fails)
"""
import json
import subprocess
import sys
import threading
import time

from confluent_kafka.admin import AdminClient

from kafka_cluster import Cluster

millrace, home = sys.argv[1:3]
# The topic __consumer_offsets needs two brokers: until the second one starts, no group has a coordinator.
cluster = Cluster(home, 2, "offsets.topic.replication.factor=2")
try:
    cluster.start(1)
    count = len(AdminClient({"bootstrap.servers": cluster.addresses}).list_topics(timeout=60).brokers)
    timer = threading.Timer(15, lambda: cluster.start(2))
    timer.start()
    start = time.time()
    result = subprocess.run([millrace, "topics", "create", "--kafka-bootstrap-servers", cluster.addresses],
                            capture_output=True, text=True, timeout=120)
    seconds = round(time.time() - start, 1)
finally:
    timer.cancel()
    timer.join()
    cluster.close()
problems = [result.stderr] if result.returncode else []
if count != 1 or seconds < 15:
    problems.append("the coordinators were there from the beginning: nothing was tested")
print(json.dumps({"brokers_at_first": count, "seconds": seconds, "problems": problems}))
sys.exit(1 if problems else 0)
