"""Sends random and mutated frames to a broker while another client, the neighbour, produces and consumes.

usage: broker_fuzz.py BOOTSTRAP PID FRAMES SEED
Frames are sent on a connection that is read with a short timeout, and replaced when the broker closes it. Other
connections announce a frame of 100 MB and send nothing. The test fails if the process has ended, if its memory grew by
more than 300 MB, or if the neighbour lost a record, got one twice or waited 10 s. Prints one line of JSON."""
import json, os, random, socket, struct, sys, threading, time
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

bootstrap, pid, frames, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
host, port = bootstrap.split(":")
rng = random.Random(seed)
i8, i16, i32, i64 = (lambda v, f=f: struct.pack(">" + f, v) for f in "bhiq")
text = lambda s: i16(-1) if s is None else i16(len(s.encode())) + s.encode()
data = lambda b: i32(-1) if b is None else i32(len(b)) + b
array = lambda items: i32(len(items)) + b"".join(items)


def crc32c(buffer, table=[]):
    if not table:
        for n in range(256):
            c = n
            for _ in range(8):
                c = c >> 1 ^ 0x82F63B78 if c & 1 else c >> 1
            table.append(c)
    c = 0xFFFFFFFF
    for b in buffer:
        c = table[(c ^ b) & 255] ^ c >> 8
    return c ^ 0xFFFFFFFF


def varint(v):
    v = v << 1 ^ v >> 63
    out = b""
    while v > 127:
        out, v = out + bytes([v & 127 | 128]), v >> 7
    return out + bytes([v])


def batch(count, codec=0, records=None):
    if records is None:
        records = b""
        for n in range(count):
            body = b"\0" + varint(0) + varint(n) + varint(3) + b"key" + varint(5) + b"value" + varint(0)
            records += varint(len(body)) + body
    tail = (i16(codec) + i32(count - 1) + i64(0) + i64(0) + i64(-1) + i16(-1) + i32(-1) + i32(count) + records)
    rest = i32(0) + b"\x02" + struct.pack(">I", crc32c(tail)) + tail
    return i64(0) + i32(len(rest)) + rest


def produce(b, topic="victim"):
    return text(None) + i16(-1) + i32(1000) + array([text(topic) + array([i32(0) + data(b)])])


group, member = "fuzz-group", "m-1"
seeds = [
    (0, 7, produce(batch(3))), (0, 7, produce(struct.pack(">q", 2 ** 63 - 1) + batch(3)[8:])),
    (0, 7, produce(struct.pack(">q", -2 ** 63) + batch(2)[8:])),
    (0, 3, produce(batch(1, 4, b"\x28\xb5\x2f\xfd garbage"))),
    (0, 7, produce(batch(2, 3, b"\x04\x22\x4d\x18 garbage"))), (0, 7, produce(batch(2, 1, b"\x1f\x8b garbage"))),
    (0, 7, produce(batch(2, 2, b"snappy"))), (0, 7, produce(batch(2)[:-3])),
    (0, 7, produce(batch(3), "plain")), (0, 7, produce(batch(2, 1, b"\x1f\x8b garbage"), "plain")),
    (0, 7, produce(batch(2, 3, b"\x04\x22\x4d\x18 garbage"), "plain")),
    (0, 7, produce(batch(2, 4, b"\x28\xb5\x2f\xfd garbage"), "plain")),
    (1, 4, i32(-1) + i32(5) + i32(1) + i32(0x7FFFFFFF) + i8(0)
     + array([text("plain") + array([i32(0) + i64(0) + i32(0x7FFFFFFF)] * 500)])),
    (1, 11, i32(-1) + i32(5) + i32(1) + i32(1 << 20) + i8(0) + i32(0) + i32(-1)
     + array([text("victim") + array([i32(0) + i32(-1) + i64(0) + i64(0) + i32(1 << 20)])]) + array([]) + text("")),
    (1, 4, i32(-1) + i32(5) + i32(1) + i32(1 << 20) + i8(0)
     + array([text("victim") + array([i32(0) + i64(0) + i32(1 << 20)])])),
    (2, 5, i32(-1) + i8(0) + array([text("victim") + array([i32(0) + i32(-1) + i64(-1)])])),
    (3, 8, array([text("victim")]) + i8(0) + i8(0) + i8(0)), (3, 1, i32(-1)),
    (8, 7, text(group) + i32(-1) + text("") + text(None)
     + array([text("victim") + array([i32(0) + i64(1) + i32(-1) + text("meta")])])),
    (9, 5, text(group) + array([text("victim") + array([i32(0)])])), (9, 2, text(group) + i32(-1)),
    (10, 2, text(group) + i8(0)), (10, 1, text(group) + i8(1)),
    (11, 5, text(group) + i32(6000) + i32(1000) + text("") + text(None) + text("consumer")
     + array([text("range") + data(b"\0\0")])),
    (12, 3, text(group) + i32(1) + text(member) + text(None)),
    (13, 3, text(group) + array([text(member) + text(None)])),
    (14, 3, text(group) + i32(1) + text(member) + text(None) + array([text(member) + data(b"x")])),
    (15, 4, array([text(group)]) + i8(0)), (16, 2, b""), (18, 3, b"\0\x05rdka\x052.0\0"), (18, 0, b""),
    (19, 4, array([text("made-%d") + i32(1) + i16(1) + array([]) + array([text("retention.ms") + text("1000")])])
     + i32(1000) + i8(1)),
    (20, 3, array([text("absent")]) + i32(1000)), (22, 1, text(None) + i32(1000)),
    (32, 3, array([i8(2) + text("victim") + i32(-1)]) + i8(1) + i8(0)),
    (32, 3, array([i8(2) + text("victim") + i32(-1)] * 1000) + i8(1) + i8(0)), (42, 1, array([text("absent")])),
]


def mutate(frame):
    frame = bytearray(frame)
    for _ in range(rng.choice([0, 1, 1, 2, 3, 8])):
        kind, at = rng.randrange(7), rng.randrange(len(frame))
        if kind == 0:
            frame[at] = rng.randrange(256)
        elif kind == 1:
            frame[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del frame[at:at + rng.randrange(1, 9)]
        elif kind == 3:
            frame[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 4:
            frame[at:at + 4] = struct.pack(
                ">I", rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 1 << 20]))
        elif kind == 5:
            frame = frame[:at + 1]
        else:
            frame += frame[at:at + 64]
        if not frame:
            frame = bytearray(b"\0")
    return bytes(frame)


def rss():
    return int(open(f"/proc/{pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


admin = AdminClient({"bootstrap.servers": bootstrap})
own = f"neighbour-{os.getpid()}"
if "victim" not in admin.list_topics(timeout=10).topics:
    admin.create_topics([NewTopic("victim", 1, 1, config={"cleanup.policy": "compact"})])["victim"].result()
if "plain" not in admin.list_topics(timeout=10).topics:
    admin.create_topics([NewTopic("plain", 1, 1)])["plain"].result()
admin.create_topics([NewTopic(own, 1, 1)])[own].result()
stop = threading.Event()
neighbour = {"sent": 0, "seen": 0, "worst": 0.0, "errors": []}


def live():
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 0,
                         "message.timeout.ms": 20000})
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "neighbour", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(own, 0, 0)])
    while not stop.is_set():
        start, number = time.time(), neighbour["sent"]
        producer.produce(own, str(number).encode())
        neighbour["sent"] += 1
        if producer.flush(10):
            neighbour["errors"].append("not acknowledged in 10 s")
            return
        message = consumer.poll(10)
        if message is None or message.error() or message.value() != str(number).encode():
            neighbour["errors"].append(f"wanted {number}, got {message and (message.error() or message.value())}")
            return
        neighbour["seen"] += 1
        neighbour["worst"] = max(neighbour["worst"], time.time() - start)
        time.sleep(0.01)


thread = threading.Thread(target=live)
thread.start()
before = rss()
claims = [socket.create_connection((host, int(port)), 5) for _ in range(50)]
for claim in claims:
    claim.sendall(b"\x06\x40\x00\x00")
time.sleep(1)
claimed = rss()
closed = answered = silent = 0
connection = None
start = time.time()
for number in range(frames):
    if connection is None:
        connection = socket.create_connection((host, int(port)), 5)
        connection.settimeout(0.02)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key, version, body = rng.choice(seeds)
    if rng.random() < 0.02:
        key, version = rng.randrange(-2, 80), rng.randrange(-2, 20)
    frame = i16(key) + i16(version) + i32(number) + text("fuzz") + body
    frame = mutate(frame) if rng.random() < 0.9 else rng.randbytes(rng.randrange(1, 200))
    length = len(frame)
    if rng.random() < 0.02:
        length = rng.choice([0, 7, length + 5, length - 1, 101 << 20, 0x7FFFFFFF, 0xFFFFFFFF])
    try:
        connection.sendall(struct.pack(">I", length) + frame)
        answer = connection.recv(65536)
        if answer:
            answered += 1
            if length == len(frame):
                continue
        else:
            closed += 1
    except socket.timeout:
        silent += 1  # a long poll, a join that waits for other members, or an incomplete frame
    except OSError:
        closed += 1
    connection.close()
    connection = None
    if number % 1000 == 0 and not os.path.exists(f"/proc/{pid}"):
        break
seconds = time.time() - start
time.sleep(1)
stop.set()
thread.join()
alive = os.path.exists(f"/proc/{pid}")
after = rss() if alive else -1
report = {"frames": frames, "answered": answered, "closed": closed, "silent": silent, "seconds": round(seconds, 1),
          "alive": alive, "rss_mb": [before, after], "rss_claimed_mb": claimed, "neighbour_sent": neighbour["sent"],
          "neighbour_seen": neighbour["seen"], "neighbour_worst_s": round(neighbour["worst"], 3),
          "neighbour_errors": neighbour["errors"], "seed": seed}
print(json.dumps(report))
good = alive and not neighbour["errors"] and neighbour["seen"] > 100 and max(claimed, after) - before < 300
sys.exit(0 if good else 1)
