"""The rules for every rendering. Each rule takes a rendering and yields a message for each breach."""
import collections
import functools
import json
import re
import urllib.parse

import jsonschema
import kubernetes_validate

from rendering import NAMESPACE, RELEASE, folder, leaves, strings, who

KEDA = json.loads((folder() / "keda.json").read_text())
# The oldest version that Chart.yaml allows, a version in between, and the newest version that the validator knows.
KUBERNETES_VERSIONS = ["1.30", "1.33", "1.37"]
SELECTOR = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
# Metrics that the binary does not serve: those of Prometheus and of KEDA's operator.
FOREIGN_METRICS = {"up", "keda_scaled_object_errors_total"}
# Labels by metric, as the binary (Core/Runtime/Stage, Workers), Prometheus and KEDA set them.
LABELS = {
    "kafka_consumergroup_lag": {"consumergroup", "topic", "partition"},
    "millrace:consumergroup_lag:sum": {"consumergroup", "topic", "release"},
    "millrace_queue_oldest_age_seconds": {"consumergroup", "topic"},
    "millrace_queue_wait_seconds": {"stage"},
    "messaging_process_duration_seconds": {"stage"},
    "millrace_dead_letters_total": {"stage", "reason"},
    "millrace_terminal_states_total": {"kind", "state"},
    "millrace_index_documents_outdated": {"reader"},
    "millrace_index_checkpoints_total": {"result"},
    "millrace_index_faults_total": {"reason"},
    "millrace_index_rebuilds_total": {"reason"},
    "millrace_index_skipped_total": {"reason"},
    "millrace_cache_requests_total": {"cache", "result", "reason"},
    "millrace_generation_fallbacks_total": {"reason"},
    "millrace_answer_sentences_total": {"verdict", "rule"},
    "millrace_refusals_total": {"reason"},
    "gen_ai_client_operation_duration_seconds": {"gen_ai_operation_name", "gen_ai_request_model", "error_type"},
    "gen_ai_client_token_usage": {"gen_ai_token_type", "gen_ai_request_model"},
    "keda_scaled_object_errors_total": {"scaledObject"},
}
EVERYWHERE = {"namespace", "job", "pod", "le"}
SERVING = {"embed-queries", "retrieve"}
# The path at which search mounts the volume of its index.
INDEX_PATH = "/var/lib/millrace/index"
# The setting for the number of records that one replica takes at once, by pool.
TAKEN = {
    "ingest": ("ingest", "batchRecordsMax"), "embed-documents": ("embed", "batchRecordsMax"),
    "embed-queries": ("embed", "batchRecordsMax"), "search": ("search", "batchRecordsMax"),
    "retrieve": ("retrieve", "windowRecords"), "generate": ("generate", "windowRecords"),
}

RULES = []


def rule(function):
    RULES.append(function)
    return function


# --- schemas ---


@functools.lru_cache(maxsize=None)
def custom_schema(kind, api_version):
    group, _, version = api_version.rpartition("/")
    path = folder() / "schemas" / f"{kind}_{group}_{version}.json"
    return jsonschema.Draft7Validator(json.loads(path.read_text())) if path.exists() else None


@functools.lru_cache(maxsize=None)
def form_errors(text):
    """Schema errors of a document. Cached by text, because renderings share most of their documents."""
    document = json.loads(text)
    if "." in document["apiVersion"].partition("/")[0] and not document["apiVersion"].split("/")[0].endswith(".k8s.io"):
        schema = custom_schema(document["kind"], document["apiVersion"])
        if schema is None:
            return [f"no schema for {document['apiVersion']} {document['kind']}"]
        return [f"{'/'.join(map(str, e.path)) or '.'}: {e.message[:200]}" for e in schema.iter_errors(document)]
    errors = []
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            errors.append(f"Kubernetes {version}: {'/'.join(map(str, error.path)) or '.'}: {error.message[:200]}")
    return errors


@rule
def schemas(r):
    for d in r.documents:
        for error in form_errors(json.dumps(d, sort_keys=True)):
            yield f"{who(d)}: {error}"


@rule
def names(r):
    seen = set()
    for d in r.documents:
        name = d["metadata"]["name"]
        if who(d) in seen:
            yield f"{who(d)}: rendered twice"
        seen.add(who(d))
        if len(name) > 63:
            yield f"{who(d)}: the name is longer than 63"
        if d["kind"] == "ScaledObject" and len("keda-hpa-" + name) > 63:
            yield f"{who(d)}: its HPA's name is longer than 63, and KEDA refuses it"


# --- KEDA ---


def triggers(r):
    for d in r.of("ScaledObject"):
        for trigger in d["spec"]["triggers"]:
            yield d, trigger, trigger.get("metadata") or {}


@rule
def trigger_metadata(r):
    for d, trigger, metadata in triggers(r):
        if trigger["type"] != "kafka":
            yield f"{who(d)}: trigger of type {trigger['type']}, only kafka is known here"
        for key, value in metadata.items():
            if key not in KEDA["metadata"]:
                yield f"{who(d)}: KEDA has no trigger key {key}, and ignores it silently"
            elif not isinstance(value, str):
                yield f"{who(d)}: trigger key {key} must be a string"
            elif key in KEDA["integers"] and not re.fullmatch(r"0|[1-9][0-9]*", value):
                yield f"{who(d)}: trigger key {key} must be an integer, not '{value}'"
            elif key in KEDA["booleans"] and value not in ("true", "false"):
                yield f"{who(d)}: trigger key {key} must be true or false, not '{value}'"
        for key in ("bootstrapServers", "consumerGroup", "topic", "lagThreshold"):
            if not metadata.get(key):
                yield f"{who(d)}: trigger key {key} is missing"
        if metadata.get("lagThreshold") == "0":
            yield f"{who(d)}: lagThreshold must be more than 0"
        if (metadata.get("sasl", "none") not in KEDA["sasl"]
                or metadata.get("tls", "disable") not in ("enable", "disable")):
            yield f"{who(d)}: sasl or tls has a value that KEDA doesn't know"
        if metadata.get("offsetResetPolicy") != "earliest":
            yield f"{who(d)}: offsetResetPolicy must be earliest, as the workers' auto.offset.reset"
        if metadata.get("allowIdleConsumers") != "true":
            yield f"{who(d)}: allowIdleConsumers must be true, or KEDA stalls just below the number of partitions"
        if metadata.get("limitToPartitionsWithLag", "false") != "false":
            yield f"{who(d)}: limitToPartitionsWithLag excludes allowIdleConsumers"
        if metadata.get("bootstrapServers") not in (
                r.values["keda"]["bootstrapServers"], r.values["kafka"]["bootstrapServers"]):
            yield f"{who(d)}: bootstrapServers are not those of the values"


@rule
def authentications(r):
    used = set()
    login = r.values["keda"]["authentication"]
    for d, trigger, metadata in triggers(r):
        reference = trigger.get("authenticationRef")
        if login["enabled"] and not (reference and all(metadata.get(key) == login[key] for key in ("sasl", "tls"))):
            yield f"{who(d)}: keda.authentication is enabled, but a trigger lacks its authenticationRef, sasl or tls"
        if reference:
            used.add(reference["name"])
            if not r.named(reference.get("kind", "TriggerAuthentication"), reference["name"]):
                yield f"{who(d)}: authenticationRef {reference['name']} is not rendered, and KEDA accepts it silently"
        elif metadata.get("sasl", "none") != "none" or metadata.get("tls", "disable") != "disable":
            yield f"{who(d)}: sasl or tls without authenticationRef"
    for d in r.of("TriggerAuthentication"):
        if d["metadata"]["name"] not in used:
            yield f"{who(d)}: nothing refers to it"
        targets = d["spec"].get("secretTargetRef") or []
        if not targets:
            yield f"{who(d)}: names no secret"
        for target in targets:
            if target["parameter"] not in KEDA["authentication"]:
                yield f"{who(d)}: KEDA has no parameter {target['parameter']}"
            if target["name"] != r.values["secrets"]["name"] or not target["name"] or not target["key"]:
                yield f"{who(d)}: parameter {target['parameter']} doesn't name the Secret of the values and a key"


@rule
def scaling(r):
    targets = {}
    partitions = {t["name"]: t["partitions"] for t in r.contract["topics"]}
    for d in r.of("ScaledObject"):
        spec = d["spec"]
        target = spec["scaleTargetRef"]
        workload = r.named(target.get("kind", "Deployment"), target["name"])
        if not workload:
            yield f"{who(d)}: its target {target.get('kind')}/{target['name']} is not rendered"
            continue
        if who(workload) in targets:
            yield f"{who(d)}: {who(workload)} has two ScaledObjects"
        targets[who(workload)] = d
        if "replicas" in workload["spec"]:
            yield f"{who(workload)}: replicas is set although KEDA scales it: upgrades would override the HPA"
        least, most, idle = spec["minReplicaCount"], spec["maxReplicaCount"], spec.get("idleReplicaCount")
        if least > most or (idle is not None and idle >= least):
            yield f"{who(d)}: idle < min <= max doesn't hold ({idle}, {least}, {most})"
        pool = component(workload)
        if least < 1 and (pool in SERVING or pool.startswith("search")):
            yield f"{who(d)}: {pool} must not go to zero"
        for trigger in spec["triggers"]:
            topic = (trigger.get("metadata") or {}).get("topic")
            if topic in partitions and most > partitions[topic]:
                yield f"{who(d)}: maxReplicaCount {most} is more than the {partitions[topic]} partitions of {topic}"
        behavior = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {})
        if not (behavior.get("scaleUp") and behavior.get("scaleDown")):
            yield f"{who(d)}: behavior is missing: after a spike, the pool would scale up for five minutes"
        elif spec["cooldownPeriod"] < behavior["scaleDown"].get("stabilizationWindowSeconds", 300):
            yield f"{who(d)}: cooldownPeriod is shorter than the window of scaleDown"
    for workload in r.workloads:
        if r.values["keda"]["enabled"]:
            if who(workload) not in targets:
                yield f"{who(workload)}: has no ScaledObject"
        elif "replicas" not in workload["spec"]:
            yield f"{who(workload)}: replicas is missing although nothing scales it"


# --- objects that the values require ---


def component(document):
    return document["metadata"].get("labels", {}).get("app.kubernetes.io/component", "")


def has_redis(values):
    return values["redis"]["address"] or values["secrets"]["keys"]["redisAddress"]


def pool_values(r):
    """The values of each pool and each shard, by component."""
    own = dict(r.values["pools"])
    search = own.pop("search")
    return own | {f"search-{shard}": search for shard in range(r.values["search"]["shards"])}


@rule
def presence(r):
    """Each object that the values require is rendered, and no other."""
    v = r.values
    scaled = v["keda"]["enabled"]
    expected = collections.Counter()
    for name, own in pool_values(r).items():
        asked = {
            "ServiceAccount": True, "Service": True,
            "StatefulSet" if name.startswith("search-") else "Deployment": True,
            "PodDisruptionBudget": own["maxReplicas" if scaled else "replicas"] > 1, "ScaledObject": scaled,
            "PodMonitor": v["podMonitors"]["enabled"],
        }
        expected.update((kind, name) for kind, wanted in asked.items() if wanted)
    asked = {
        ("ConfigMap", "settings"): True, ("Pod", "test"): True, ("Job", "topics"): v["topicsJob"]["enabled"],
        ("ServiceAccount", "topics"): v["topicsJob"]["enabled"], ("ConfigMap", "dashboard"): v["dashboard"]["enabled"],
        ("PrometheusRule", "alerts"): v["alerts"]["enabled"],
        ("NetworkPolicy", "network"): v["networkPolicy"]["enabled"],
        ("NetworkPolicy", "network-redis"): v["networkPolicy"]["enabled"] and has_redis(v),
        ("NetworkPolicy", "network-llm"): v["networkPolicy"]["enabled"] and v["llm"]["url"],
        ("TriggerAuthentication", "keda"): scaled and v["keda"]["authentication"]["enabled"],
    }
    expected.update(key for key, wanted in asked.items() if wanted)
    found = collections.Counter((d["kind"], component(d)) for d in r.documents if d not in v["extraObjects"])
    for kind, name in sorted(expected - found):
        yield f"no {kind} of {name}"
    for kind, name in sorted(found - expected):
        yield f"a {kind} of {name or 'no component'} that the values don't ask for"


@rule
def notes(r):
    """NOTES.txt warns of values that are allowed but usually wrong, and of nothing else. It names the next commands."""
    v = r.values
    keda = v["keda"]
    secure = (v["secrets"]["keys"]["kafkaProperties"]
              or re.search(r"(?i)security\.protocol=(ssl|sasl)", v["kafka"]["properties"]))
    asked = {
        "kafka.bootstrapServers": re.search(r"(^|,)(127\.|localhost)", v["kafka"]["bootstrapServers"]),
        # KEDA would connect to the brokers without a login. With its own address it may not need a login.
        "keda.authentication.enabled": (
            keda["enabled"] and secure and not keda["authentication"]["enabled"] and not keda["bootstrapServers"]),
        "secrets.keys.cacheKey": (
            has_redis(v) and not v["secrets"]["keys"]["cacheKey"] and not v["cache"]["keyFile"]),
        "networkPolicy.enabled": not v["networkPolicy"]["enabled"],
    }
    for pool, (section, key) in TAKEN.items():
        # Lag includes records in progress. With a low threshold, one replica's own work would add replicas.
        asked[f"pools.{pool}.lagThreshold"] = (
            keda["enabled"] and v["pools"][pool]["lagThreshold"] < 0.75 * v[section][key])
    expected = {name for name, wanted in asked.items() if wanted}
    found = set(re.findall(r"^WARNING: ([\w.-]+)", r.notes, re.MULTILINE))
    for name in sorted(expected ^ found):
        yield f"{'no warning' if name in expected else 'a warning without cause'} of {name}"
    asked = {
        f"helm -n {NAMESPACE} test {RELEASE}": True, f"kubectl -n {NAMESPACE} get scaledobject,hpa": keda["enabled"],
        # The chart is rendered without a cluster here, so Helm sees no custom resources.
        "KEDA was not seen": keda["enabled"],
        "Prometheus operator was not seen": v["podMonitors"]["enabled"] or v["alerts"]["enabled"],
        f"Secret {v['secrets']['name']} ": v["secrets"]["name"],
    }
    for text, wanted in asked.items():
        if (text in r.notes) != bool(wanted):
            yield f"'{text}' is {'missing' if wanted else 'not expected'}"


# --- the binary's contract ---


@rule
def pools(r):
    commands = {p["name"]: p["command"] for p in r.contract["pools"]}
    found = {component(w): w for w in r.workloads}
    for name in sorted(set(commands) ^ set(found)):
        yield f"pool {name} is {'not rendered' if name in commands else 'unknown to the binary'}"
    for name in sorted(set(commands) & set(found)):
        container = found[name]["spec"]["template"]["spec"]["containers"][0]
        expected = ["millrace", *commands[name], "--settings", "/etc/millrace/settings.yaml"]
        if container.get("command", []) + container.get("args", []) != expected:
            yield f"{who(found[name])}: its command must be {' '.join(expected)}"
    groups = {g["group"]: g for g in r.contract["groups"]}
    scaled = set()
    for d, _, metadata in triggers(r):
        group = groups.get(metadata.get("consumerGroup"))
        if not group:
            yield f"{who(d)}: the binary has no group {metadata.get('consumerGroup')}"
            continue
        scaled.add(group["group"])
        if metadata.get("topic") != group["topic"]:
            yield f"{who(d)}: group {group['group']} reads {group['topic']}, not {metadata.get('topic')}"
        if group["pool"] != component(d):
            yield f"{who(d)}: group {group['group']} belongs to pool {group['pool']}"
    if r.of("ScaledObject"):
        for name in groups:
            # The groups of the reporters are not used for scaling.
            if not re.search(r"(^|[.-])index-\d+-\d+$", name) and name not in scaled:
                yield f"group {name} scales nothing"


@rule
def words(r):
    """All topics and groups in texts exist, for example in descriptions of alerts, scripts and panels."""
    contract = r.contract
    known = {t["name"] for t in contract["topics"]} | {g["group"] for g in contract["groups"]}
    prefix = next(t["name"] for t in contract["topics"])[: -len("documents")]
    pattern = re.compile(
        r"(?<![\w./-])((?:rag[.-]|" + (re.escape(prefix) if prefix else "rag[.-]") + r")[A-Za-z0-9.-]*[A-Za-z0-9])")
    for d in r.documents:
        for text in strings(d):
            for word in pattern.findall(text):
                if word not in known and not word.endswith(".yaml"):
                    yield f"{who(d)}: '{word}' is no topic or group of the binary"


@rule
def ports(r):
    shown, error = r.settings
    if error:
        return
    # The port of a worker with the rendered settings. The contract contains only the chart's default.
    port = int(shown["http.port"]["value"])
    for d in r.workloads:
        declared = d["spec"]["template"]["spec"]["containers"][0].get("ports", [])
        if [(p.get("name"), p["containerPort"]) for p in declared] != [("http", port)]:
            yield f"{who(d)}: must declare the port http, {port}"
    for d in r.of("Service"):
        for p in d["spec"]["ports"]:
            if p["port"] != port or p["targetPort"] not in ("http", port):
                yield f"{who(d)}: port {p['port']} to {p['targetPort']}, the binary listens on {port}"
    for d in r.of("NetworkPolicy"):
        for ingress in d["spec"].get("ingress", []):
            for p in ingress.get("ports", []):
                if p["port"] not in ("http", port):
                    yield f"{who(d)}: lets port {p['port']} in, the binary listens on {port}"


@rule
def probes(r):
    paths = r.contract["probes"]
    for d in r.workloads:
        container = d["spec"]["template"]["spec"]["containers"][0]
        for probe, path in (
                ("startupProbe", "liveness"), ("livenessProbe", "liveness"), ("readinessProbe", "readiness")):
            get = container.get(probe, {}).get("httpGet")
            if not get:
                yield f"{who(d)}: {probe} is missing"
            elif get["path"] != paths[path] or get["port"] != "http":
                yield f"{who(d)}: {probe} asks {get['path']} on {get['port']}, the binary has {paths[path]} on http"
        startup = container.get("startupProbe", {})
        if startup.get("periodSeconds", 10) * startup.get("failureThreshold", 3) < 60:
            yield f"{who(d)}: startupProbe gives less than 60 s"
    monitored = set()
    for d in r.of("PodMonitor"):
        monitored.add(component(d))
        for endpoint in d["spec"]["podMetricsEndpoints"]:
            if endpoint.get("path", "/metrics") != paths["metrics"] or endpoint.get("port") != "http":
                yield (f"{who(d)}: reads {endpoint.get('path')} on {endpoint.get('port')}, "
                       f"the binary has {paths['metrics']} on http")
    if r.values["podMonitors"]["enabled"]:
        for name in {component(w) for w in r.workloads} - monitored:
            yield f"pool {name} has no PodMonitor"


KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool",
            "inf", "nan"}


def metrics_of(expression):
    """(metrics, labels) in a PromQL expression or in Grafana's label_values."""
    # Intervals, including Grafana's variables, are not metrics.
    text = re.sub(r"\[[^\]]*\]", " ", expression)
    variable = re.fullmatch(r"label_values\((.*), *(\w+)\)", text)
    labels = {variable.group(2)} if variable else set()
    text = variable.group(1) if variable else text
    for selector in re.findall(r"\{((?:[^{}\"]|\"[^\"]*\")*)\}", text):
        labels |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
    text = re.sub(r"\{(?:[^{}\"]|\"[^\"]*\")*\}", " ", text)
    for listed in re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", text):
        labels |= {label.strip() for label in listed.split(",") if label.strip()}
    text = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    text = re.sub(r"\boffset\s+\w+", " ", text)
    names = re.findall(r"(?<![\w$:.])([A-Za-z_:][\w:]*)(?!\s*\(|[\w:])", text)
    return {n for n in names if n.lower() not in KEYWORDS}, labels


@rule
def metrics(r):
    known = set(r.contract["metrics"]) | FOREIGN_METRICS
    jobs = {f"{d['metadata'].get('namespace', 'water')}/{d['metadata']['name']}" for d in r.of("PodMonitor")}
    for where, expression, recorded in r.expressions:
        names, labels = metrics_of(expression)
        if not names:
            yield f"{where}: names no metric"
        for name in names:
            if name not in known and name not in recorded:
                yield f"{where}: the binary has no metric {name}"
        allowed = EVERYWHERE.union(
            *(LABELS.get(re.sub("_(bucket|sum|count)$", "", n), LABELS.get(n, set())) for n in names))
        for label in labels - allowed:
            yield f"{where}: no metric in it has a label {label}"
        if jobs:
            for selector in re.findall(r'\bjob=~"([^"$]+)"', expression):
                if not any(re.fullmatch(selector, job) for job in jobs):
                    yield f"{where}: no PodMonitor makes a job like {selector}"


@rule
def alerts(r):
    values = r.values["alerts"]
    expected = {
        "MillraceLagGrowing": values["lagGrowth"], "MillraceOldestRecord": values["oldestRecord"],
        "MillraceDeadLetters": values["deadLetters"], "MillraceIndexBehind": values["indexBehind"],
        "MillraceIndexNotStored": values["indexNotStored"], "MillraceIndexRebuilt": values["indexRebuilt"],
        "MillraceIndexDamaged": values["indexDamaged"], "MillraceLLMFallbacks": values["llmFallbacks"],
        "MillraceKedaErrors": {"enabled": values["kedaErrors"]["enabled"] and r.values["keda"]["enabled"]},
    }
    wanted = {name for name, own in expected.items() if values["enabled"] and own["enabled"]}
    found = {
        rule_["alert"]: rule_ for d in r.of("PrometheusRule") for group in d["spec"]["groups"]
        for rule_ in group["rules"] if "alert" in rule_
    }
    for name in sorted(wanted ^ set(found)):
        yield f"alert {name} is {'missing' if name in wanted else 'not switched on'}"
    for name, own in found.items():
        notes = own.get("annotations", {})
        if not notes.get("summary") or len(notes.get("description", "")) < 80:
            yield f"alert {name}: needs a summary and a description that says what to do"
        if bool(notes.get("runbook_url")) != bool(values["runbookURL"]):
            yield f"alert {name}: runbook_url must be set if and only if alerts.runbookURL is set"
        if not own.get("labels", {}).get("severity"):
            yield f"alert {name}: has no severity"


@rule
def dashboards(r):
    boards = list(r.dashboards)
    if len(boards) != (1 if r.values["dashboard"]["enabled"] else 0):
        yield f"{len(boards)} dashboards rendered"
    for d, board in boards:
        if d["metadata"]["labels"].get(r.values["dashboard"]["label"]) != "1":
            yield f"{who(d)}: lacks the label that Grafana's sidecar selects by"
        if board != json.loads((r.chart / "dashboards/millrace.json").read_text()):
            yield f"{who(d)}: differs from the file in the chart"
        if len({p["id"] for p in board["panels"]}) != len(board["panels"]):
            yield f"{who(d)}: two panels with one id"
        pattern = next(
            v["regex"] for v in board["templating"]["list"] if v["name"] == "release").strip("/").replace("\\/", "/")
        for monitor in r.of("PodMonitor"):
            name = monitor["metadata"]["name"]
            match = re.search(pattern, f"water/{name}")
            if not match or f"{match.group(1)}-{component(monitor)}" != name:
                yield f"{who(d)}: its variable release doesn't know the job of {name}"
        for panel in board["panels"]:
            if not panel.get("targets") and panel["type"] != "row":
                yield f"{who(d)}: panel '{panel['title']}' has no query"
        places = {(x, y): panel["title"] for panel in board["panels"] for x, y in squares(panel["gridPos"])}
        if len(places) != sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in board["panels"]):
            yield f"{who(d)}: two panels overlap"
        shown = set().union(*(
            metrics_of(target["expr"])[0] for panel in board["panels"] for target in panel.get("targets", [])))
        for name in r.contract["metrics"]:
            if name.startswith("millrace_index_") and name not in shown:
                yield f"{who(d)}: no panel shows {name}"


def squares(grid):
    return [(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])]


# --- settings ---


@rule
def settings(r):
    if r.settings_text is None:
        yield "no ConfigMap with settings.yaml"
        return
    shown, error = r.settings
    if error:
        yield f"the binary refuses the rendered settings: {error}"
        return
    own = {key: value for key, value in leaves(r.values) if key.split(".")[0] in {k.split(".")[0] for k in shown}}
    own |= {"http.host": "0.0.0.0", "http.port": r.values["ports"]["http"]}
    if r.values["model"]["source"] == "volume":
        own["encoder.modelPath"] = r.values["model"]["mountPath"]
    for key in sorted(set(shown) ^ set(own)):
        yield f"setting {key} is {'not among the values' if key in shown else 'unknown to the binary'}"
    for key in sorted(set(shown) & set(own)):
        value = str(own[key]).lower() if isinstance(own[key], bool) else str(own[key])
        # Helm may write numbers in another form. 8.388608e+06, for example, must not pass.
        if shown[key]["value"] != value:
            yield f"setting {key}: the binary reads '{shown[key]['value']}', the values say '{value}'"
        if shown[key]["source"] != "file":
            yield f"setting {key}: not in the rendered file"


@rule
def environment(r):
    shown, error = r.settings
    known = set() if error else {entry["environment"] for entry in shown.values()}
    secrets = r.values["secrets"]
    variables = {"kafka.properties": ("kafkaProperties", "KAFKA_PROPERTIES"),
                 "redis.address": ("redisAddress", "REDIS_ADDRESS"), "llm.apiKey": ("llmApiKey", "LLM_API_KEY"),
                 "cache.key": ("cacheKey", "CACHE_KEY")}
    needed = {p["name"]: p["secrets"] for p in r.contract["pools"]}
    pools_ = {who(w): component(w) for w in r.workloads}
    for where, _, container in r.containers:
        # The Job and the test connect only to the brokers.
        keys = needed.get(pools_.get(where.rpartition("/")[0]), ["kafka.properties"])
        wanted = {variables[k][1] for k in keys if k in variables and secrets["keys"][variables[k][0]]}
        if pools_.get(where.rpartition("/")[0], "").startswith("search-"):
            wanted.add("SEARCH_PATH")
        entries = {e["name"]: e for e in container.get("env", [])}
        if set(entries) != wanted:
            yield f"{where}: its environment must be {sorted(wanted)}"
        for name, entry in entries.items():
            reference = entry.get("valueFrom", {}).get("secretKeyRef", {})
            if name not in known:
                yield f"{where}: {name} is no setting of the binary"
            # The rule index_volumes checks this one's value.
            if name != "SEARCH_PATH" and (reference.get("name") != secrets["name"] or not reference.get("key")):
                yield f"{where}: {name} doesn't come from the Secret of the values"


@rule
def command_lines(r):
    """The commands and options of the test's script and of the Job exist."""
    for where, _, container in r.containers:
        text = " ".join(container.get("command", []) + container.get("args", [])).replace("\\\n", " ")
        for call in re.findall(r"millrace (?:documents \w+|ask|topics \w+|worker \w+)[^|;\n]*", text):
            words_ = [w for w in call.split() if re.fullmatch(r"[a-z]+", w)]
            command = words_[1:3] if words_[1] in ("documents", "topics", "worker") else words_[1:2]
            page = r.binary.help(*command)
            if not page:
                yield f"{where}: the binary has no command {' '.join(command)}"
            for option in re.findall(r"(?<=\s)--[a-z-]+", call):
                if not re.search(re.escape(option) + r"(?![a-z-])", page):
                    yield f"{where}: {' '.join(command)} has no option {option}"


# --- pods ---


def seconds(text):
    number, unit = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", text).groups()
    return -(-int(number) * {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[unit] // 1000)


@rule
def drain(r):
    shown, error = r.settings
    if error:
        return
    expected = seconds(shown["worker.graceDeadline"]["value"]) + 15
    for d in r.workloads:
        grace = d["spec"]["template"]["spec"].get("terminationGracePeriodSeconds")
        if grace != expected:
            yield f"{who(d)}: terminationGracePeriodSeconds {grace}, worker.graceDeadline + 15 s is {expected}"
        if "preStop" in d["spec"]["template"]["spec"]["containers"][0].get("lifecycle", {}):
            yield f"{who(d)}: preStop uses up the grace period, and a worker has no requests to wait for"


@rule
def restricted(r):
    """Pod Security Standards, profile restricted, and a read-only root file system."""
    for where, _, spec in r.pods:
        context = spec.get("securityContext", {})
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(key):
                yield f"{where}: {key}"
        if context.get("runAsNonRoot") is not True:
            yield f"{where}: runAsNonRoot is not true"
        if context.get("runAsUser") == 0:
            yield f"{where}: runs as root"
        if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{where}: no seccompProfile"
        for volume in spec.get("volumes", []):
            kinds = set(volume) - {"name"}
            if not kinds <= {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
                             "projected", "secret"}:
                yield f"{where}: volume {volume['name']} of kind {kinds}"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{where}: mounts a token that it never uses"
        if spec.get("enableServiceLinks") is not False:
            yield f"{where}: enableServiceLinks: a Service named redis would set REDIS_PORT, a setting's name"
    for where, _, container in r.containers:
        context = container.get("securityContext", {})
        if context.get("privileged"):
            yield f"{where}: privileged"
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"{where}: allowPrivilegeEscalation is not false"
        if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
            yield f"{where}: capabilities are not all dropped"
        if context.get("readOnlyRootFilesystem") is not True:
            yield f"{where}: readOnlyRootFilesystem is not true"
        if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
            yield f"{where}: may run as root"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{where}: hostPort"
        if "/tmp" not in [mount["mountPath"] for mount in container.get("volumeMounts", [])]:
            yield f"{where}: /tmp can't be written"


@rule
def index_volumes(r):
    """Each search replica can write its index to the volume that the values describe. No other pool has one."""
    values = pool_values(r)
    for d in r.workloads:
        own = values.get(component(d), {}).get("volume")
        spec, pod = d["spec"], d["spec"]["template"]["spec"]
        container = pod["containers"][0]
        mounts = [m for m in container.get("volumeMounts", []) if m["name"] == "index" or m["mountPath"] == INDEX_PATH]
        path = [e.get("value") for e in container.get("env", []) if e["name"] == "SEARCH_PATH"]
        templates = spec.get("volumeClaimTemplates", [])
        volumes = [v for v in pod["volumes"] if v["name"] == "index"]
        policy = spec.get("persistentVolumeClaimRetentionPolicy")
        if not own:
            if mounts or path or templates or volumes or policy:
                yield f"{who(d)}: has a volume for an index, which only search has"
            continue
        # A read-only mount, or one of a folder within the volume, is not equal to this.
        if mounts != [{"name": "index", "mountPath": INDEX_PATH}]:
            yield f"{who(d)}: must mount the volume index at {INDEX_PATH}, writable"
        if path != [INDEX_PATH]:
            yield f"{who(d)}: SEARCH_PATH is {path}, its volume is at {INDEX_PATH}: the index would not be stored"
        claim = {"accessModes": own["accessModes"], "resources": {"requests": {"storage": own["size"]}}}
        if own["storageClassName"]:
            claim["storageClassName"] = own["storageClassName"]
        # A template must have no labels: they could change with the chart's version, which Kubernetes refuses.
        wanted = [{"metadata": {"name": "index"}, "spec": claim}] if own["type"] == "claim" else []
        if templates != wanted:
            yield f"{who(d)}: volumeClaimTemplates are {templates}, the values say {wanted}"
        retention = own["retentionPolicy"] if wanted else None
        if policy != retention:
            yield f"{who(d)}: persistentVolumeClaimRetentionPolicy is {policy}, the values say {retention}"
        wanted = [] if wanted else [{"name": "index", "emptyDir": {"sizeLimit": own["size"]}}]
        if volumes != wanted:
            yield f"{who(d)}: volumes of its index are {volumes}, the values say {wanted}"
        # Without runAsUser, OpenShift assigns user and group itself.
        user, context = r.values["podDefaults"].get("runAsUser"), pod.get("securityContext", {})
        if context.get("fsGroup") != user or user and context.get("runAsUser") != user:
            yield f"{who(d)}: fsGroup must be {user}, or its user can't write to the volume"


@rule
def resources(r):
    for where, _, container in r.containers:
        own = container.get("resources", {})
        requests, limits = own.get("requests", {}), own.get("limits", {})
        if not requests.get("cpu") or not requests.get("memory") or not limits.get("memory"):
            yield f"{where}: requests of cpu and memory and a limit of memory are needed"
        elif quantity(requests["memory"]) > quantity(limits["memory"]):
            yield f"{where}: requests more memory than its limit"
    parser = r.values["ingest"]["parserMemoryBytesMax"]
    for d in r.workloads:
        limit = d["spec"]["template"]["spec"]["containers"][0]["resources"].get("limits", {}).get("memory", "0")
        # The memory of the parser's child process counts for the pod. The worker itself needs another 256 MiB.
        if component(d) == "ingest" and quantity(limit) < parser + 2**28:
            yield f"{who(d)}: memory limit {limit}, ingest.parserMemoryBytesMax and 256 MiB are more"


def quantity(text):
    number, unit = re.fullmatch(r"([0-9.]+)(Ki|Mi|Gi|k|M|G|)", str(text)).groups()
    return float(number) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]


@rule
def pulling(r):
    """Every pod has the registry's login, directly or from its ServiceAccount."""
    for where, _, spec in r.pods:
        account = r.named("ServiceAccount", spec.get("serviceAccountName")) or {}
        if r.values["imagePullSecrets"] not in (spec.get("imagePullSecrets", []), account.get("imagePullSecrets", [])):
            yield f"{where}: lacks the imagePullSecrets of the values"


@rule
def images(r):
    image = r.values["image"]
    tag = image["tag"] or r.app_version
    expected = f"{image['repository']}@{image['digest']}" if image["digest"] else f"{image['repository']}:{tag}"
    for where, _, container in r.containers:
        if container["image"] != expected:
            yield f"{where}: image {container['image']}, the values say {expected}"
        if re.search(r"(:latest|^[^:@]+)$", container["image"]):
            yield f"{where}: a floating tag: {container['image']}"


@rule
def selectors(r):
    by_labels = [(name, labels) for name, labels, _ in r.pods]
    for d in r.workloads:
        selector = d["spec"]["selector"]["matchLabels"]
        if set(selector) != SELECTOR:
            yield (f"{who(d)}: selects by {sorted(selector)}; "
                   "it can't be changed later, so only name, instance and component")
        labels = d["spec"]["template"]["metadata"]["labels"]
        if any(key.startswith("helm.sh/") or key.endswith("/version") for key in labels):
            yield f"{who(d)}: the labels of its pods contain a version, so they restart with every chart version"
    selecting = [(d, d["spec"]["selector"]) for d in r.of("Service")]
    selecting += [
        (d, d["spec"]["selector"]["matchLabels"]) for d in r.workloads + r.of("PodDisruptionBudget", "PodMonitor")]
    selecting += [
        (d, c["labelSelector"]["matchLabels"]) for d in r.workloads
        for c in d["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
    ]
    for d, selector in selecting:
        found = [name for name, labels in by_labels if selector.items() <= labels.items()]
        if len(found) != 1 or component(d) not in found[0]:
            yield f"{who(d)}: its selector finds {found or 'no pods'}, not those of {component(d)}"
    for d in r.of("NetworkPolicy"):
        selector = d["spec"]["podSelector"]
        needing = {"network-redis": "redis.address", "network-llm": "llm.apiKey"}.get(component(d))
        wanted = {p["name"] for p in r.contract["pools"] if needing in p["secrets"]} if needing else {
            labels["app.kubernetes.io/component"] for _, labels in by_labels}
        covered = {
            labels["app.kubernetes.io/component"] for _, labels in by_labels
            if selector["matchLabels"].items() <= labels.items() and all(
                e["operator"] == "In" and labels.get(e["key"]) in e["values"]
                for e in selector.get("matchExpressions", []))
        }
        for name in sorted(wanted - covered):
            yield f"{who(d)}: doesn't cover {name}"
        for name in sorted(covered - wanted):
            yield f"{who(d)}: covers {name}, which doesn't need it"


@rule
def disruption(r):
    for d in r.of("PodDisruptionBudget"):
        if d["spec"].get("maxUnavailable") != 1 or "minAvailable" in d["spec"]:
            yield f"{who(d)}: must have maxUnavailable 1: minAvailable blocks drains at one replica"
        if d["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{who(d)}: must allow the eviction of unhealthy pods"


@rule
def placement(r):
    for d in r.workloads:
        spread = d["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
        keys = ["controller-revision-hash" if d["kind"] == "StatefulSet" else "pod-template-hash"]
        if [(c["topologyKey"], c["maxSkew"], c["whenUnsatisfiable"], c.get("matchLabelKeys")) for c in spread] != [
                (key, 1, "ScheduleAnyway", keys) for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")]:
            yield f"{who(d)}: must spread over zones and hosts, by {keys[0]}, and start even if it can't"
    own = pool_values(r)
    for where, labels, spec in r.pods:
        values = own.get(labels.get("app.kubernetes.io/component"), {})
        for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
            expected = values.get(key) or r.values["podDefaults"][key]
            if (spec.get(key) or None) != (expected or None):
                yield f"{where}: {key} is {spec.get(key)}, the values say {expected}"


@rule
def network(r):
    """The policies block all traffic that the values do not name, in both directions."""
    own = r.values["networkPolicy"]
    ingress = {"ports": [{"protocol": "TCP", "port": "http"}]} | (
        {"from": own["metricsFrom"]} if own["metricsFrom"] else {})

    def rule_of(ports_):
        return [{"ports": [{"protocol": "TCP", "port": port} for port in dict.fromkeys(ports_)]}] if ports_ else []

    names_ = {
        "ports": [{"protocol": kind, "port": port} for port in (53, 5353) for kind in ("UDP", "TCP")],
        "to": [{"namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": own["dnsNamespaces"]}]}}]
        + [{"ipBlock": {"cidr": address}} for address in own["dnsAddresses"]],
    }
    brokers = [int(server.rsplit(":", 1)[1]) for server in r.values["kafka"]["bootstrapServers"].split(",")]
    llm = urllib.parse.urlsplit(r.values["llm"]["url"])
    llm_port = llm.port or (443 if llm.scheme == "https" else 80)
    redis = re.findall(r":(\d+)(?:/[^:]*)?$", r.values["redis"]["address"])
    expected = {
        "network": {"ingress": [ingress],
                    "egress": [names_] + rule_of(brokers + own["kafkaPorts"]) + own["egress"]},
        "network-redis": {"egress": rule_of([int(port) for port in redis or [6379]] + own["redisPorts"])},
        "network-llm": {"egress": rule_of([llm_port] + own["llmPorts"])},
    }
    for d in r.of("NetworkPolicy"):
        wanted = expected[component(d)]
        if sorted(d["spec"].get("policyTypes", [])) != sorted(key.capitalize() for key in wanted):
            yield f"{who(d)}: policyTypes must be those of {sorted(wanted)}, or one direction stays open"
        for direction, rules_ in wanted.items():
            if d["spec"].get(direction) != rules_:
                yield f"{who(d)}: {direction} is {d['spec'].get(direction)}, the values say {rules_}"


@rule
def references(r):
    claims_of = {who(d): [c["metadata"]["name"] for c in d["spec"].get("volumeClaimTemplates", [])]
                 for d in r.of("StatefulSet")}
    for where, _, spec in r.pods:
        account = spec.get("serviceAccountName")
        if account and not r.named("ServiceAccount", account):
            yield f"{where}: ServiceAccount {account} is not rendered"
        volumes = {v["name"]: v for v in spec.get("volumes", [])}
        mounted = {m["name"] for c in spec["containers"] for m in c.get("volumeMounts", [])}
        for name in sorted((set(volumes) | set(claims_of.get(where, []))) ^ mounted):
            yield f"{where}: volume {name} is {'missing' if name in mounted else 'not mounted'}"
        for volume in volumes.values():
            wanted = volume.get("configMap", {}).get("name")
            if wanted and not r.named("ConfigMap", wanted):
                yield f"{where}: ConfigMap {wanted} is not rendered"
        files = {mount["name"] for c in spec["containers"] for mount in c.get("volumeMounts", [])
                 if mount["mountPath"] == "/etc/millrace"}
        held = [r.named("ConfigMap", volumes[name].get("configMap", {}).get("name"))
                for name in files if name in volumes]
        if not any(d and "settings.yaml" in d["data"] for d in held):
            yield f"{where}: /etc/millrace is not the ConfigMap with settings.yaml"
    for d in r.workloads:
        spec = d["spec"]["template"]["spec"]
        if not spec.get("serviceAccountName"):
            yield f"{who(d)}: has no ServiceAccount of its own"
        reads = component(d) in ("ingest", "embed-documents", "embed-queries", "generate")
        claims = [v["persistentVolumeClaim"]["claimName"] for v in spec["volumes"] if "persistentVolumeClaim" in v]
        if claims != (
                [r.values["model"]["existingClaim"]] if reads and r.values["model"]["source"] == "volume" else []):
            yield f"{who(d)}: mounts the claims {claims} for its model"
        annotations = d["spec"]["template"]["metadata"].get("annotations", {})
        if not annotations.get("checksum/settings"):
            yield f"{who(d)}: doesn't restart when the settings change"
        if d["kind"] == "StatefulSet":
            service = r.named("Service", d["spec"]["serviceName"])
            if not service or service["spec"].get("clusterIP") != "None":
                yield f"{who(d)}: serviceName {d['spec']['serviceName']} is no headless Service"
            if d["spec"].get("podManagementPolicy") != "Parallel":
                yield f"{who(d)}: replicas would start one after another"
    if len(r.of("Job")) != (1 if r.values["topicsJob"]["enabled"] else 0):
        yield f"{len(r.of('Job'))} Jobs that create topics"
    for d in r.of("Job"):
        container = d["spec"]["template"]["spec"]["containers"][0]
        if container["command"] + container["args"] != [
                "millrace", "topics", "create", "--settings", "/etc/millrace/settings.yaml"]:
            yield f"{who(d)}: doesn't run topics create"
    tests = [d for d in r.of("Pod") if d["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"]
    if len(tests) != 1:
        yield f"{len(tests)} pods for helm test"
