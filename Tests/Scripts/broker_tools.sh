#!/bin/bash
# Runs the same steps with Kafka's tools, kcat and confluent-kafka on any broker.
# usage: broker_tools.sh BOOTSTRAP KAFKA_HOME PYTHON
# Values that differ between brokers, for example ids, are replaced by a fixed word or removed.
set -u -o pipefail
B=$1 K=$2/bin P=$3
export KAFKA_HEAP_OPTS="-Xmx192m -XX:TieredStopAtLevel=1" KAFKA_LOG4J_OPTS="-Dlog4j2.level=OFF"
step() { echo "== $1"; shift; "$@" 2>&1 | grep -v "^$\|production-ready\|log4j" \
  | sed -E "s/$B/BROKER/g; s/TopicId: [^ \t]*[ \t]//; s/[a-zA-Z.]+-[0-9a-f-]{36}(-[0-9]+)?/MEMBER/g" \
  | sed -E "s/[ \t]+/ /g; s/ $//; s/ Elr:.*//; s/min.insync.replicas=1,//; s/max.message.bytes=10485760,//" \
  | sed -E "s/Configs: (min[^,]*),(cleanup.*)/Configs: \\2,\\1/"; echo "-> ${PIPESTATUS[0]}"; }
topics() { "$K/kafka-topics.sh" --bootstrap-server "$B" "$@"; }
groups() { "$K/kafka-consumer-groups.sh" --bootstrap-server "$B" --timeout 60000 "$@"; }
produce() { printf 'a:1\nb:2\na:3\nc:\n' | "$K/kafka-run-class.sh" org.apache.kafka.tools.ConsoleProducer \
  --bootstrap-server "$B" --topic tools --reader-property parse.key=true --reader-property key.separator=:; }
consume() { timeout 60 "$K/kafka-console-consumer.sh" --bootstrap-server "$B" --topic tools --from-beginning \
  --group g1 --max-messages 4 --formatter-property print.key=true --formatter-property print.partition=true \
  --formatter-property print.offset=true; }
ordered() { "$@" 2>&1 | sort; }
step create topics --create --topic tools --partitions 2 --replication-factor 1 \
  --config cleanup.policy=compact --config min.compaction.lag.ms=1000
step describe topics --describe --topic tools
step configs "$K/kafka-configs.sh" --bootstrap-server "$B" --describe --topic tools
step produce produce
step consume ordered consume
step groups groups --list
step group groups --describe --group g1
step state groups --describe --group g1 --state
step kcat ordered kcat -b "$B" -C -t tools -e -q -f '%p %o %k %s\n'
step reset groups --group g1 --topic tools --reset-offsets --to-earliest --execute
step "delete group" groups --delete --group g1
step "delete topic" topics --delete --topic tools
step list ordered topics --list --exclude-internal
echo "== confluent-kafka"
"$P" "$(dirname "$0")/broker_client.py" "$B"
