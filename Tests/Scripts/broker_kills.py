"""Kills the local broker with SIGKILL at random moments while confluent-kafka produces and commits.

usage: broker_kills.py BINARY [KILLS]   (default 50)
A producer writes numbered records and notes each acknowledged record with partition and offset. A group member reads
the records, commits after each batch, and notes each acknowledged commit. The broker is killed KILLS times, each time
after 0.2 to 1.5 s, and restarted with the same files. After each start, the group's offsets must be the last
acknowledged commits, or commits that were sent later. At the end, every acknowledged record must exist once, at its
offset and in order, and the group's offsets must be the last acknowledged commits or later ones. Prints one line of
JSON. The exit code is 1 if any of this is not true."""
import collections, json, os, random, shutil, signal, socket, subprocess, sys, tempfile, threading, time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

binary = sys.argv[1]
kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50
folder = tempfile.mkdtemp(prefix="kills-")
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
address = f"127.0.0.1:{port}"
launch = lambda: subprocess.Popen([binary, "broker", "--data", folder + "/data", "--broker-port", str(port)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
process = launch()
admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
admin.create_topics([NewTopic("acked", 4, 1)])["acked"].result(20)
client = {"bootstrap.servers": address, "reconnect.backoff.max.ms": 200, "log_level": 0}
stop = threading.Event()
acked = []  # (partition, offset, number); a list, because an offset may occur twice after a loss
order = collections.defaultdict(list)  # numbers by partition, in the order of acknowledgement
produced = 0
committed = {}  # by partition, the offset of the last acknowledged commit
sent = collections.defaultdict(list)  # by partition, every offset whose commit was sent
mark = {}  # by partition, the length of `sent` up to the last acknowledged commit
gate = threading.Lock()  # held during a commit, and while the group's offsets are compared
commits = 0
problems = []


def produce():
    global produced
    producer = Producer(client | {"enable.idempotence": True, "linger.ms": 1, "message.timeout.ms": 120000})

    def delivered(error, message):
        if error is None:
            acked.append((message.partition(), message.offset(), int(message.value())))
            order[message.partition()].append(int(message.value()))

    while not stop.is_set():
        try:
            producer.produce("acked", str(produced), partition=produced % 4, on_delivery=delivered)
            produced += 1
        except BufferError:
            producer.poll(0.1)
        producer.poll(0)
        time.sleep(0.0005)
    left = producer.flush(60)
    if left:
        problems.append(f"{left} records were never acknowledged")


def consume():
    global commits
    consumer = Consumer(client | {"group.id": "drill", "enable.auto.commit": False, "auto.offset.reset": "earliest",
                                  "session.timeout.ms": 6000})
    consumer.subscribe(["acked"])
    while not stop.is_set():
        batch = [m for m in consumer.consume(200, 0.2) if not m.error()]
        if not batch:
            continue
        offsets = {}
        for message in batch:
            offsets[message.partition()] = max(offsets.get(message.partition(), 0), message.offset() + 1)
        with gate:
            for p, o in offsets.items():
                sent[p].append(o)
            try:
                consumer.commit(offsets=[TopicPartition("acked", p, o) for p, o in offsets.items()], asynchronous=False)
            except KafkaException:
                continue
            commits += 1
            for p, o in offsets.items():
                committed[p] = o  # after a rebalance, this offset may be lower than an earlier one
                mark[p] = len(sent[p])
    consumer.close()


def noted(body):
    """`body` as a function that adds an exception to `problems` instead of ending its thread silently."""
    def run():
        try:
            body()
        except Exception as error:
            problems.append(f"{body.__name__}: {error!r}")
    return run


def compare_commits(reader, kill):
    with gate:  # no commit is in progress now: every commit that was sent is acknowledged or failed
        limit = time.time() + 30
        while True:
            try:
                group = reader.committed([TopicPartition("acked", p) for p in range(4)], 5)
                break
            except KafkaException as error:
                if time.time() > limit:
                    problems.append(f"after kill {kill} the group's offsets can't be read: {error}")
                    return
        for place in group:
            p = place.partition
            if p not in committed or place.offset >= committed[p]:
                continue
            # A commit that failed for the client may have reached the broker. After a rebalance, it may be lower.
            if place.offset not in sent[p][mark[p]:]:
                problems.append(f"after kill {kill} partition {p} is committed at {place.offset}, not {committed[p]}")


threads = [threading.Thread(target=noted(f)) for f in (produce, consume)]
for thread in threads:
    thread.start()
try:
    commit_reader = Consumer(client | {"group.id": "drill", "enable.auto.commit": False})
    for kill in range(1, kills + 1):
        time.sleep(random.uniform(0.2, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = launch()
        compare_commits(commit_reader, kill)
    commit_reader.close()
    time.sleep(5)
    stop.set()
    for thread in threads:
        thread.join()
    reader = Consumer(client | {"group.id": "drill", "enable.auto.commit": False})
    ends = {p: reader.get_watermark_offsets(TopicPartition("acked", p), 20)[1] for p in range(4)}
    group = {t.partition: t.offset for t in reader.committed([TopicPartition("acked", p) for p in range(4)], 20)}
    reader.assign([TopicPartition("acked", p, 0) for p in range(4)])
    log = collections.defaultdict(list)
    while sum(map(len, log.values())) < sum(ends.values()):
        batch = reader.consume(1000, 10)
        if not batch:
            problems.append("the topic can't be read to its end")
            break
        for message in batch:
            if not message.error():
                log[message.partition()].append((message.offset(), int(message.value())))
    reader.close()
    there = {(p, o): n for p, records in log.items() for o, n in records}
    numbers = collections.Counter(n for records in log.values() for _, n in records)
    lost = {number for _, _, number in acked if number not in numbers}
    misplaced = {number for p, o, number in acked if there.get((p, o)) != number}
    doubled = [n for n, count in numbers.items() if count > 1]
    disorder = [p for p, records in log.items() if [n for _, n in records] != sorted(n for _, n in records)]
    behind = {p: (o, group.get(p)) for p, o in committed.items() if group.get(p, -1) < o}
    print(json.dumps({"kills": kills, "produced": produced, "acknowledged": len(acked), "in_the_topic": len(there),
                      "lost": len(lost), "misplaced": len(misplaced), "doubled": len(doubled),
                      "partitions_out_of_order": len(disorder), "commits": commits,
                      "commits_lost": len(behind), "problems": problems}))
    sys.exit(1 if lost or misplaced or doubled or disorder or behind or problems or not acked or not commits else 0)
finally:
    stop.set()
    process.kill()
    shutil.rmtree(folder, ignore_errors=True)
