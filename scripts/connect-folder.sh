#!/usr/bin/env bash
# Writes settings for Kafka Connect (standalone) that feed the files of a folder into rag.documents. No code of Millrace
# runs in Connect.   usage: connect-folder.sh BOOTSTRAP FOLDER TARGET [TENANT]
# With KAFKA_HOME set, the connector's jar is found there.
# Kafka's own FileStreamSource produces a record for each line, so a file's last line becomes its document. Run the
# workers with --ingest-field-map text=body,id=name.
# Connect's REST port has no login. Every user of this machine can reach it and use it to read the files that you may
# read. Use these settings only on a machine that nobody else uses; in production, give Connect a listener with a login.
set -euo pipefail
umask 077
if [ $# -lt 3 ]; then
  echo "usage: connect-folder.sh BOOTSTRAP FOLDER TARGET [TENANT]" >&2
  exit 2
fi
bootstrap=$1 folder=$(cd "$2" && pwd) target=$3 tenant=${4:-default}
mkdir -p "$target"
cat > "$target/worker.properties" <<END
bootstrap.servers=$bootstrap
listeners=http://127.0.0.1:${CONNECT_PORT:-18083}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
offset.storage.file.filename=$target/offsets
offset.flush.interval.ms=1000
END
# Since Kafka 3.2, the file connector is not on Connect's class path.
jars=("${KAFKA_HOME:-}"/{libs,connect}/connect-file-*.jar)
for jar in "${jars[@]}"; do [ ! -f "$jar" ] || echo "plugin.path=$jar" >> "$target/worker.properties"; done
number=0
for file in "$folder"/*; do
  [ -f "$file" ] || continue
  name=$(basename "$file")
  number=$((number + 1))
  cat > "$target/file-$number.properties" <<END
name=file-$number
connector.class=org.apache.kafka.connect.file.FileStreamSourceConnector
tasks.max=1
file=$file
topic=rag.documents
transforms=hoist,name,document,key,text
transforms.hoist.type=org.apache.kafka.connect.transforms.HoistField\$Value
transforms.hoist.field=body
transforms.name.type=org.apache.kafka.connect.transforms.InsertField\$Value
transforms.name.static.field=name
transforms.name.static.value=$name
transforms.document.type=org.apache.kafka.connect.transforms.InsertField\$Value
transforms.document.static.field=document
transforms.document.static.value=$tenant/$name
transforms.key.type=org.apache.kafka.connect.transforms.ValueToKey
transforms.key.fields=document
transforms.text.type=org.apache.kafka.connect.transforms.ExtractField\$Key
transforms.text.field=document
END
done
echo "$number connectors in $target"
