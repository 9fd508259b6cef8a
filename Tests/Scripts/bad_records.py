"""Produces bad records, each followed by a good neighbour on the same partition.

usage: bad_records.py BOOTSTRAP
Prints one line of JSON. For each bad record: its name, its terminal states with their errors, and whether
rag.deadletters contains the same bytes. Also: the records that the broker refused because of their size, and how many
neighbours were indexed or answered."""
import base64, json, sys, time
from confluent_kafka import Consumer, Producer, TopicPartition

from partitioner import murmur2

bootstrap = sys.argv[1]
producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "acks": "all",
                     "message.max.bytes": 9000000, "linger.ms": 0})


def doc(name, **fields):
    return json.dumps(dict({"id": name, "text": "Some text."}, **fields)).encode()


deep = b"[" * 100000
long = "x" * 10000
bad_documents = [
    ("not json", "default/d0", b"\x00\x01 nonsense"), ("invalid utf-8", "default/d1", b'{"id":"d1","text":"\xff\xfe"}'),
    ("lone surrogate", "default/d2", b'{"id":"d2","text":"\\ud800 alone"}'),
    ("a field twice", "default/d3", b'{"id":"d3","text":"a","text":"b"}'),
    ("nested deep", "default/d4", b'{"id":"d4","text":"a","metadata":' + deep + b"}"),
    ("nested deep and closed", "default/d21",
     b'{"id":"d21","text":"a","metadata":{"n":' + deep + b"]" * 100000 + b"}}"),
    ("number beyond range", "default/d5", b'{"id":"d5","text":"a","metadata":{"n":1e99999}}'),
    ("time beyond range", "default/d6", b'{"id":"d6","text":"a","expires_at":99999999999999999999999}'),
    ("wrong type of text", "default/d7", b'{"id":"d7","text":17}'),
    ("wrong type of acl", "default/d8", b'{"id":"d8","text":"a","acl":{"a":1}}'),
    ("id of 10 kB", "default/" + long, doc(long)), ("key that lies", "default/d9", doc("other")),
    ("tenant that lies", "acme/d10", doc("d10")), ("key without a tenant", "d11", doc("d11")),
    ("array", "default/d12", b"[]"),
    ("empty value", "default/d13", b""), ("bad base64", "default/d14", b'{"id":"d14","content_base64":"%%%"}'),
    ("truncated pdf", "default/d15", json.dumps(
        {"id": "d15", "content_base64": base64.b64encode(b"%PDF-1.4 broken").decode()}).encode()),
    ("5 MB of text", "default/d16", doc("d16", text="word " * 1000000)),
    ("5 MB of metadata", "default/d17", doc("d17", metadata={"n": "x" * 5000000})),
    ("300 kB of acl", "default/d18", doc("d18", acl=[f"{n}-" + "x" * 300 for n in range(1000)])),
    ("expired before 1970", "default/d19", doc("d19", expires_at=-1)),
    ("hours of Markdown", "default/d20", doc("d20", media_type="text/markdown", text="|\n-|\n" * 120000)),
]
bad_queries = [
    ("q not json", b"\x00\x01 nonsense"), ("q invalid utf-8", b'{"id":"q1","text":"\xff"}'),
    ("q lone surrogate", b'{"id":"q2","text":"\\udc00"}'), ("q a field twice", b'{"id":"q3","id":"q4","text":"a"}'),
    ("q nested deep", b'{"id":"q5","text":"a","filter":' + deep + b"}"),
    ("q nested deep and closed", b'{"id":"q13","text":"a","filter":{"n":' + deep + b"]" * 100000 + b"}}"),
    ("q number beyond range", b'{"id":"q6","text":"a","top_k":1e400}'),
    ("q deadline beyond range", b'{"id":"q7","text":"a","deadline_ms":99999999999999999999}'),
    ("q wrong type", b'{"id":"q8","text":["a"]}'), ("q id of 10 kB", json.dumps({"id": long, "text": "a"}).encode()),
    ("q 900 kB of text", json.dumps({"id": "q9", "text": "a" * 900000}).encode()),
    ("q 5 MB of text", json.dumps({"id": "q14", "text": "a" * 5000000}).encode()), ("q empty", b""),
    ("q array", b"[1]"),
    # Each value has two bytes here, and eleven on the next topic.
    ("q filter of 50,000", json.dumps({"id": "q10", "text": "a", "filter": {"x": [1] * 50000}}).encode()),
    ("q 600 kB of history", json.dumps(
        {"id": "q11", "text": "a", "history": [{"role": "user", "text": "x" * 30000}] * 20}).encode()),
    ("q reply to Kafka itself", json.dumps(
        {"id": "q12", "text": "a", "reply_to": {"topic": "__consumer_offsets", "partition": 0}}).encode()),
]
positions, neighbours, refused = {}, [], []


def sent(name):
    def report(error, message):
        # The broker refused a record of this size, so nothing was accepted.
        if error and error.name() == "MSG_SIZE_TOO_LARGE":
            refused.append(name)
        positions[name] = None if error else f"{message.topic()}-{message.partition()}-{message.offset()}"
    return report


count = len(producer.list_topics("rag.documents", 10).topics["rag.documents"].partitions)
number = 0
for name, key, value in bad_documents:
    producer.produce("rag.documents", value, key, on_delivery=sent(name))
    producer.flush(30)
    partition = int(positions[name].split("-")[-2])
    while murmur2(f"default/good{number}".encode()) % count != partition:
        number += 1
    neighbours.append(f"good{number}")
    producer.produce("rag.documents", doc(f"good{number}"), f"default/good{number}")
    number += 1
for name, value in bad_queries:
    producer.produce("rag.queries", value, partition=3, on_delivery=sent(name))
    # A large header must not make the records of later stages too large.
    producer.produce("rag.queries", json.dumps({"id": "n-" + name, "text": "Some text?"}).encode(), partition=3,
                     headers={"millrace-request-id": b"r" * (600000 if name == "q array" else 10)})
producer.flush(30)


def read(topic):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bad", "enable.auto.commit": False,
                         "fetch.message.max.bytes": 10000000})
    parts = consumer.list_topics(topic, 10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, 0) for p in parts])
    ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1] for p in parts}
    left = {p for p in parts if ends[p] > 0}
    records = []
    while left:
        message = consumer.poll(5)
        if message is None:
            break
        if message.error():
            continue
        records.append(message)
        if message.offset() >= ends[message.partition()] - 1:
            left.discard(message.partition())
    consumer.close()
    return records


def look():
    states, good = {}, set()
    for message in read("rag.document-status"):
        event = json.loads(message.value())
        if event["state"] == "accepted":
            continue
        if event["id"] in neighbours and event["state"] == "indexed":
            good.add(event["id"])
        place = event["id"] if event["id"].startswith("rag.documents-") else (
            f"rag.documents-{message.partition()}-{event.get('version', '0.0').split('.')[1]}")
        states.setdefault(place, []).append([event["state"], event.get("error")])
    for message in read("rag.answers"):
        answer = json.loads(message.value())
        if answer["id"].startswith("n-"):
            good.add(answer["id"])
        states.setdefault(answer["id"], []).append([answer["status"], answer.get("error")])
    letters = {}
    for message in read("rag.deadletters"):
        letters[dict(message.headers())["millrace-origin"].decode()] = message.value()
    return states, good, letters


ids = {"q wrong type": "q8", "q number beyond range": "q6", "q deadline beyond range": "q7", "q 900 kB of text": "q9",
       "q 5 MB of text": "q14", "q filter of 50,000": "q10", "q 600 kB of history": "q11",
       "q reply to Kafka itself": "q12", "q nested deep and closed": "q13"}
sent_values = {name: value for name, *_, value in bad_documents + bad_queries}
deadline = time.time() + 300
while True:
    states, good, letters = look()
    result = {name: {"states": states.get(positions[name]) or states.get(ids.get(name)) or [],
                     "dead_letter": positions[name] in letters and (letters[positions[name]] or b"") == value}
              for name, value in sent_values.items() if name not in refused}
    complete = all(r["states"] and r["dead_letter"] for r in result.values())
    if time.time() > deadline or (complete and len(good) == len(neighbours) + len(bad_queries)):
        break
    time.sleep(1)
print(json.dumps({"records": result, "neighbours": len(good), "wanted": len(neighbours) + len(bad_queries),
                  "refused_by_broker": refused}))
