{{/* Names have at most 38 characters, so that "keda-hpa-" + name + "-embed-documents" has at most 63. */}}
{{- define "millrace.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 38 | trimSuffix "-" -}}
{{- end -}}

{{- define "millrace.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 38 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "millrace.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 38 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 38 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Selectors can't be changed later, so they have only these three labels. Takes root and component. */}}
{{- define "millrace.selectorLabels" -}}
app.kubernetes.io/name: {{ include "millrace.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "millrace.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "millrace.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: millrace
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{/* These labels contain no version, so that a new chart version does not restart unchanged pods. */}}
{{- define "millrace.podLabels" -}}
{{ include "millrace.selectorLabels" . }}
app.kubernetes.io/part-of: millrace
{{- end -}}

{{- define "millrace.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end -}}
{{- end -}}

{{/* A duration of the settings ("25s", "2m") in whole seconds, rounded up. */}}
{{- define "millrace.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- if eq $unit "ms" -}}{{ div (add $number 999) 1000 }}
{{- else if eq $unit "s" -}}{{ $number }}
{{- else if eq $unit "m" -}}{{ mul $number 60 }}
{{- else if eq $unit "h" -}}{{ mul $number 3600 }}
{{- else -}}{{ mul $number 86400 }}
{{- end -}}
{{- end -}}

{{/* terminationGracePeriodSeconds: worker.graceDeadline, in which a worker exits by itself, and 15 s to spare. */}}
{{- define "millrace.graceSeconds" -}}
{{ add (include "millrace.seconds" .Values.worker.graceDeadline | int) 15 }}
{{- end -}}

{{/*
The settings file of the binary: the sections of the values that the binary knows. The chart sets the address of the
probes and, for a model volume, the path of the model.
*/}}
{{- define "millrace.settings" -}}
{{- $sections := list "kafka" "broker" "http" "log" "worker" "encoder" "ingest" "embed" "search" "retrieve" "generate" "llm" "redis" "cache" "freshness" "topics" -}}
{{- $settings := deepCopy .Values -}}
{{- $_ := set $settings "http" (dict "host" "0.0.0.0" "port" (.Values.ports.http | int)) -}}
{{- if eq .Values.model.source "volume" -}}
{{- $_ := set $settings.encoder "modelPath" .Values.model.mountPath -}}
{{- end -}}
{{- range $section := $sections }}
{{ dict $section (get $settings $section) | toYaml }}
{{- end }}
{{- end -}}

{{/* The start of every group's name, as the binary makes it (Settings+Kafka.swift). */}}
{{- define "millrace.groupPrefix" -}}
{{- $topics := .Values.kafka.topicPrefix -}}
{{- if .Values.kafka.groupPrefix -}}
{{- .Values.kafka.groupPrefix -}}
{{- else if eq $topics "rag." -}}
rag-
{{- else if regexMatch "^rag--*$" $topics -}}
{{- $topics }}-
{{- else -}}
{{- $topics -}}
{{- end -}}
{{- end -}}

{{/* The pools: arguments, the topic whose lag scales the pool, group, whether it reads the model, secrets. */}}
{{- define "millrace.pools" -}}
{{- $shards := .Values.search.shards | int -}}
{{- $prefix := include "millrace.groupPrefix" . -}}
ingest: {args: [worker, ingest], topic: documents, group: {{ printf "%singest" $prefix | quote }}, values: ingest, model: true, secrets: [kafkaProperties]}
embed-documents: {args: [worker, embed, --lane, documents], topic: chunks, group: {{ printf "%sembed-documents" $prefix | quote }}, values: embed-documents, model: true, secrets: [kafkaProperties, redisAddress, cacheKey]}
embed-queries: {args: [worker, embed, --lane, queries], topic: queries, group: {{ printf "%sembed-queries" $prefix | quote }}, values: embed-queries, model: true, secrets: [kafkaProperties, redisAddress, cacheKey]}
{{- range $shard := until $shards }}
search-{{ $shard }}: {args: [worker, search, --shard, {{ $shard | quote }}], topic: searches, group: {{ printf "%ssearch-%d-%d" $prefix $shards $shard | quote }}, values: search, model: false, stateful: true, secrets: [kafkaProperties]}
{{- end }}
retrieve: {args: [worker, retrieve], topic: candidates, group: {{ printf "%sretrieve" $prefix | quote }}, values: retrieve, model: false, secrets: [kafkaProperties]}
generate: {args: [worker, generate], topic: prompts, group: {{ printf "%sgenerate" $prefix | quote }}, values: generate, model: true, secrets: [kafkaProperties, redisAddress, llmApiKey, cacheKey]}
{{- end -}}

{{/* The ports in addresses such as "a:9092,b:9093" or "redis://r:6380/1", as a JSON list. */}}
{{- define "millrace.ports" -}}
{{- $ports := list -}}
{{- range splitList "," . -}}
{{- with regexFind ":[0-9]+(/[^:]*)?$" . -}}
{{- $ports = append $ports (regexFind "[0-9]+" . | int) -}}
{{- end -}}
{{- end -}}
{{ $ports | uniq | toJson }}
{{- end -}}

{{/* An egress rule for these ports, without duplicates. No rule if there are none: an empty list would allow all. */}}
{{- define "millrace.egressPorts" -}}
{{- $ports := list -}}
{{- range . }}{{ $ports = append $ports (int .) }}{{ end -}}
{{- with $ports | uniq -}}
- ports:
    {{- range . }}
    - protocol: TCP
      port: {{ . }}
    {{- end }}
{{- end -}}
{{- end -}}

{{/* The security context of every pod. Takes root. */}}
{{- define "millrace.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.podDefaults.runAsUser }}
runAsUser: {{ int . }}
runAsGroup: {{ int . }}
fsGroup: {{ int . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The scheduling of the topics Job and of the test pod: podDefaults, the defaults of the pools. */}}
{{- define "millrace.scheduling" -}}
{{- with .Values.podDefaults.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.podDefaults.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podDefaults.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podDefaults.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "millrace.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The path at which search mounts the volume of its index. */}}
{{- define "millrace.indexPath" -}}
/var/lib/millrace/index
{{- end -}}

{{/*
The values of the Secret reach the binary as environment variables of settings, which override the settings file. Takes
root, and the keys of values.secrets.keys that the process needs (`millrace contract` lists them for each pool). The
process gets no other keys. With `stateful`, it also gets the path of its index (search.path).
*/}}
{{- define "millrace.environment" -}}
{{- $secret := .root.Values.secrets.name -}}
{{- $root := .root -}}
{{- $needed := .secrets -}}
{{- range $key, $variable := dict "kafkaProperties" "KAFKA_PROPERTIES" "redisAddress" "REDIS_ADDRESS" "llmApiKey" "LLM_API_KEY" "cacheKey" "CACHE_KEY" }}
{{- if has $key $needed }}
{{- with index $root.Values.secrets.keys $key }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- if .stateful }}
- name: SEARCH_PATH
  value: {{ include "millrace.indexPath" $root }}
{{- end }}
{{- end -}}

{{/*
How much a counter grew in a window, by some labels. A counter's series appears only with its first event. `increase`
takes the first value as the start and misses that event. So a series that did not exist one window ago is counted in
full. After the first start of Prometheus, all events so far count for one window. Takes metric, of (its selector),
window and by.
*/}}
{{- define "millrace.growth" -}}
{{- $series := printf "%s{%s}" .metric .of -}}
sum by ({{ .by }}) (
  ({{ $series }} unless {{ $series }} offset {{ .window }})
  or increase({{ $series }}[{{ .window }}])
)
{{- end -}}

{{- define "millrace.volumeMounts" -}}
- name: settings
  mountPath: /etc/millrace
  readOnly: true
# The working directory. All but this and search's index is read-only.
- name: tmp
  mountPath: /tmp
{{- with .Values.podDefaults.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "millrace.volumes" -}}
- name: settings
  configMap:
    name: {{ include "millrace.fullname" . }}-settings
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.podDefaults.tmpSizeLimit }}
{{- with .Values.podDefaults.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
