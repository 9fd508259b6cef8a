"""Asks questions in the order of a recorded trace while documents change, then checks every answer from the topics.

usage: stale_check.py BOOTSTRAP DATA TRACE ASKS CHANGES RATE
DATA contains documents.jsonl and questions.jsonl. The documents must have been put already (tenant default). An answer
is stale if it cites a version, and a newer indexed or deleted event was appended more than 1 s before the query; within
this second it is counted separately. A query that the broker never acknowledged was not accepted and does not count as
lost. Prints one line of JSON. The exit code is 1 if anything is stale, lost, contradicting or never acknowledged."""
import collections, json, random, sys, threading, time, uuid
from confluent_kafka import Consumer, Producer, TopicPartition

bootstrap, data, trace, asks, changes, rate = sys.argv[1:7]
asks, changes, rate = int(asks), int(changes), float(rate)
documents = [json.loads(line) for line in open(f"{data}/documents.jsonl")]
questions = {q["id"]: q["question"] for q in map(json.loads, open(f"{data}/questions.jsonl"))}
order = [json.loads(line)["question_id"] for line in open(trace)][:asks]
run = uuid.uuid4().hex[:8]
producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "acks": "all",
                     "socket.nagle.disable": True, "linger.ms": 1})
# Change the documents that the questions of the trace ask about most: other changes can't make an answer stale.
asked_about = collections.Counter(q["context_doc_id"] for q in map(json.loads, open(f"{data}/questions.jsonl"))
                                  if q["id"] in set(order))
popular = [name for name, _ in asked_about.most_common()][:changes]
by_id = {d["id"]: d for d in documents}
start = time.time()
acknowledged = set()


def delivered(error, message):
    if error:
        print(f"{message.key()}: {error}", file=sys.stderr)
    else:
        acknowledged.add(message.key())


def change():
    for number, name in enumerate(popular):
        time.sleep(max(0, start + (number + 1) * asks / rate / (len(popular) + 1) - time.time()))
        document = dict(by_id[name], text=by_id[name]["text"] + f" Revision {run} {number} was made.")
        producer.produce("rag.documents", key=f"default/{name}", value=json.dumps(document))
        producer.poll(0)


thread = threading.Thread(target=change)
thread.start()
for number, question in enumerate(order):
    time.sleep(max(0, start + number / rate - time.time()))
    producer.produce("rag.queries", key=f"default/{run}-{number}",
                     value=json.dumps({"id": f"{run}-{number}", "text": questions[question]}),
                     on_delivery=delivered)
    producer.poll(0)
thread.join()
producer.flush(120)


def read_all(topic):
    """Every record that the topic contains now."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"check-{run}", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    bounds = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 20) for p in partitions}
    left = {p for p, (low, end) in bounds.items() if low < end}
    consumer.assign([TopicPartition(topic, p, bounds[p][0]) for p in left])
    records = []
    while left:
        message = consumer.poll(60)
        if message is None:
            sys.exit(f"{topic}: partitions {left} can't be read to their ends")
        if message.error():
            continue
        records.append((message.timestamp()[1], message.key(), message.value()))
        if message.offset() >= bounds[message.partition()][1] - 1:
            left.discard(message.partition())
    consumer.close()
    return records


def read(topic, wanted, limit, patience):
    """Every record of a topic. Ends `limit` seconds after `wanted` is done, or if no record arrives for `patience`
    seconds before that."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"check-{run}", "enable.auto.commit": False,
                         "auto.offset.reset": "earliest"})
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    last = time.time()
    records = []
    while time.time() - last < (limit if wanted.done else patience):
        message = consumer.poll(0.5)
        if message is None or message.error():
            continue
        if not wanted.done:
            last = time.time()
        records.append((message.timestamp()[1], message.key(), message.value()))
        wanted(records[-1])
    consumer.close()
    return records


class Enough:
    """Done when every id was seen. Later records are still read for a while, to find second states."""
    done, seen = False, set()

    def __call__(self, record):
        if record[1].decode().startswith(f"default/{run}-"):
            self.seen.add(record[1])
        self.done = len(self.seen) == asks


answers, arrivals = collections.defaultdict(list), collections.defaultdict(list)
# Answers that arrive late, after the broker was killed, are not lost.
for at, key, value in read("rag.answers", Enough(), 15, 90):
    answer = json.loads(value)
    if answer["id"].startswith(run):
        answers[answer["id"]].append(answer)
        arrivals[answer["id"]].append(at)
asked_at = {json.loads(v)["id"]: at for at, _, v in read_all("rag.queries") if run in v.decode()}
fences = collections.defaultdict(list)
for at, key, value in read_all("rag.document-status"):
    event = json.loads(value) if value else {}
    if event.get("state") in ("indexed", "deleted"):
        fences[event["id"]].append((tuple(map(int, event["version"].split("."))), at))

times = sorted([at / 1000 for found in arrivals.values() for at in found[:1]])
silence = max((after - before for before, after in zip(times, times[1:])), default=0)
stale = within = hits = doubled = 0
examples = []
states = collections.Counter()
for name, found in answers.items():
    states[found[0]["status"]] += 1
    doubled += len({a["status"] for a in found}) > 1
    hits += found[0]["cache"] == "exact"
    for answer in found:
        newer = [at for citation in answer["citations"] for version, at in fences[citation["document_id"]]
                 if version > tuple(map(int, citation["version"].split("."))) and at < asked_at[name]]
        if any(at < asked_at[name] - 1000 for at in newer):
            stale += 1
            examples.append(name)
        elif newer:
            within += 1
lost = len({key.decode().split("/", 1)[1] for key in acknowledged} - set(answers))
unacknowledged = asks - len(acknowledged)
print(json.dumps({"asked": asks, "unacknowledged": unacknowledged, "changed": len(popular), "states": states,
                  "lost": lost, "differing": doubled, "longest_silence_s": round(silence, 1),
                  "hits": hits, "hit_rate": round(hits / asks, 4), "repeats": round(1 - len(set(order)) / asks, 4),
                  "stale": stale, "stale_within_1s": within, "examples": examples[:5]}))
sys.exit(1 if stale or lost or doubled or unacknowledged else 0)
