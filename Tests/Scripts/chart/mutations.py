"""Mutations: each makes one mistake and names words of the message that the check must print."""
import copy
import json

MUTATIONS = []
# Mistakes in templates: name, template, old text, new text, the method of the check, words of its message.
TEMPLATES = [
    ("a checksum of one section", "_pool.tpl", 'include "millrace.settings" $root | sha256sum',
     "toYaml $root.Values.kafka | sha256sum", "checksums",
     "checksum/settings: log: {'level': 'debug'} is not read by ['Deployment/mill-millrace-embed-documents'"),
    ("a checksum of all values", "_pool.tpl", 'include "millrace.settings" $root | sha256sum',
     "toYaml $root.Values | sha256sum", "checksums",
     "{'image': {'tag': '9'}} restarts ['Deployment/mill-millrace-embed-documents'"),
    ("a random checksum", "_pool.tpl", 'include "millrace.settings" $root | sha256sum', "randAlphaNum 8", "checksums",
     "{} restarts"),
    ("a checksum that shards lack", "_pool.tpl",
     'checksum/settings: {{ include "millrace.settings" $root | sha256sum }}',
     'checksum/settings: {{ ternary "x" (include "millrace.settings" $root | sha256sum) (default false $stateful) }}',
     "checksums", "is not read by ['StatefulSet/mill-millrace-search-0']"),
    ("a Job that keeps its name", "topics-job.yaml", "(toYaml .Values.topicsJob) ", "", "job_names",
     "changes it, but not its name"),
    ("a password that renders", "validate.yaml", "{{- if $values.llm.apiKey }}", "{{- if false }}", "refused",
     "a key of the LLM in the values was rendered"),
    ("a path that renders", "validate.yaml", "{{- if $values.search.path }}", "{{- if false }}", "refused",
     "a path of the index beside its volume was rendered"),
]


def mutation(expected, rendering="default"):
    def register(function):
        MUTATIONS.append((function.__name__.replace("_", " "), rendering, expected, function))
        return function
    return register


def scaled(r, pool="ingest"):
    return next(d for d in r.of("ScaledObject") if d["metadata"]["labels"]["app.kubernetes.io/component"] == pool)


def trigger(r, pool="ingest"):
    return scaled(r, pool)["spec"]["triggers"][0]


def workload(r, pool="ingest"):
    return next(d for d in r.workloads if d["metadata"]["labels"]["app.kubernetes.io/component"] == pool)


def pod(r, pool="ingest"):
    return workload(r, pool)["spec"]["template"]["spec"]


def container(r, pool="ingest"):
    return pod(r, pool)["containers"][0]


def first(r, kind):
    return r.of(kind)[0]


def alert(r, name):
    return next(x for d in r.of("PrometheusRule") for g in d["spec"]["groups"] for x in g["rules"]
                if x.get("alert") == name)


def panel(r, change):
    d, board = next(r.dashboards)
    change(board)
    d["data"]["millrace.json"] = json.dumps(board)


# KEDA

@mutation("no trigger key lagTreshold")
def a_misspelt_trigger_key(r):
    trigger(r)["metadata"]["lagTreshold"] = trigger(r)["metadata"].pop("lagThreshold")

@mutation("authenticationRef gone is not rendered")
def a_missing_TriggerAuthentication(r):
    trigger(r)["authenticationRef"] = {"name": "gone"}

@mutation("is not rendered, and KEDA accepts it silently", "sasl")
def a_TriggerAuthentication_that_is_not_rendered(r):
    r.documents.remove(first(r, "TriggerAuthentication"))

@mutation("nothing refers to it", "sasl")
def a_TriggerAuthentication_without_use(r):
    for d in r.of("ScaledObject"):
        d["spec"]["triggers"][0].pop("authenticationRef")

@mutation("sasl or tls without authenticationRef", "sasl")
def a_login_without_authentication(r):
    trigger(r).pop("authenticationRef")

@mutation("ScaledObject/mill-millrace-ingest: keda.authentication is enabled, but", "sasl")
def one_trigger_without_any_login(r):
    del trigger(r)["authenticationRef"], trigger(r)["metadata"]["sasl"], trigger(r)["metadata"]["tls"]

@mutation("keda.authentication is enabled, but", "sasl")
def a_trigger_without_tls(r):
    del trigger(r, "search-0")["metadata"]["tls"]

@mutation("keda.authentication is enabled, but", "sasl")
def a_second_trigger_without_login(r):
    spec = scaled(r, "generate")["spec"]
    spec["triggers"].append(
        {"type": "kafka", "name": "more", "metadata": copy.deepcopy(spec["triggers"][0]["metadata"])})

@mutation("KEDA has no parameter user", "sasl")
def a_wrong_authentication_parameter(r):
    first(r, "TriggerAuthentication")["spec"]["secretTargetRef"][0]["parameter"] = "user"

@mutation("doesn't name the Secret of the values", "sasl")
def another_Secret_for_KEDA(r):
    first(r, "TriggerAuthentication")["spec"]["secretTargetRef"][0]["name"] = "other"

@mutation("trigger key lagThreshold must be a string")
def a_number_in_trigger_metadata(r):
    trigger(r)["metadata"]["lagThreshold"] = 200

@mutation("must be an integer, not '1e3'")
def a_threshold_that_KEDA_can_not_read(r):
    trigger(r)["metadata"]["lagThreshold"] = "1e3"

@mutation("must be true or false, not 'yes'")
def a_yes_in_trigger_metadata(r):
    trigger(r)["metadata"]["allowIdleConsumers"] = "yes"

@mutation("limitToPartitionsWithLag excludes")
def limitToPartitionsWithLag(r):
    trigger(r)["metadata"]["limitToPartitionsWithLag"] = "true"

@mutation("offsetResetPolicy must be earliest")
def KEDAs_own_reset_policy(r):
    trigger(r)["metadata"].pop("offsetResetPolicy")

@mutation("allowIdleConsumers must be true")
def without_allowIdleConsumers(r):
    trigger(r)["metadata"].pop("allowIdleConsumers")

@mutation("more than the 12 partitions")
def more_replicas_than_partitions(r):
    scaled(r)["spec"]["maxReplicaCount"] = 13

@mutation("must not go to zero")
def search_at_zero(r):
    scaled(r, "search-0")["spec"]["minReplicaCount"] = 0

@mutation("idle < min <= max")
def min_beyond_max(r):
    scaled(r)["spec"]["minReplicaCount"] = 13

@mutation("behavior is missing")
def no_behavior(r):
    del scaled(r)["spec"]["advanced"]

@mutation("cooldownPeriod is shorter")
def a_short_cooldown(r):
    scaled(r)["spec"]["cooldownPeriod"] = 10

@mutation("replicas is set although")
def replicas_beside_the_HPA(r):
    workload(r)["spec"]["replicas"] = 2

@mutation("replicas is missing although", "keda-off")
def no_replicas_without_KEDA(r):
    del workload(r)["spec"]["replicas"]

@mutation("has no ScaledObject")
def a_pool_that_nothing_scales(r):
    r.documents.remove(scaled(r))

@mutation("is not rendered")
def a_target_that_is_not_there(r):
    scaled(r)["spec"]["scaleTargetRef"]["name"] = "gone"

@mutation("has two ScaledObjects")
def two_ScaledObjects_on_one_target(r):
    scaled(r)["spec"]["scaleTargetRef"] = scaled(r, "generate")["spec"]["scaleTargetRef"]

@mutation("Additional properties are not allowed ('minReplicas'")
def a_misspelt_field_of_a_ScaledObject(r):
    scaled(r)["spec"]["minReplicas"] = 1

@mutation("HPA's name is longer than 63")
def a_name_that_KEDA_refuses(r):
    scaled(r)["metadata"]["name"] = "m" * 60

# presence

def without(kind, rendering="default"):
    def change(r):
        r.documents.remove(first(r, kind))
    change.__name__ = f"no_{kind}"
    mutation(f"presence: no {kind} of", rendering)(change)

for kind in ("ServiceAccount", "Service", "Deployment", "StatefulSet", "PodDisruptionBudget", "ScaledObject",
             "PodMonitor", "ConfigMap", "PrometheusRule", "Job", "Pod"):
    without(kind)
without("NetworkPolicy", "alerts-off")
without("TriggerAuthentication", "sasl")

@mutation("presence: no ScaledObject of search-2", "shards")
def a_shard_that_nothing_scales(r):
    r.documents.remove(scaled(r, "search-2"))

@mutation("presence: no PodDisruptionBudget of search-0", "keda-off")
def fixed_replicas_without_their_budget(r):
    r.documents.remove(next(d for d in r.of("PodDisruptionBudget") if d["metadata"]["name"].endswith("search-0")))

@mutation("presence: a PodDisruptionBudget of retrieve", "narrow")
def a_budget_for_a_single_replica(r):
    text = json.dumps(next(d for d in r.of("PodDisruptionBudget") if d["metadata"]["name"].endswith("generate")))
    r.documents.append(json.loads(text.replace("generate", "retrieve")))

@mutation("presence: a Role of ingest that the values don't ask for")
def a_Role_that_nobody_needs(r):
    metadata = {"name": "more", "labels": workload(r)["metadata"]["labels"]}
    r.documents.append(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": []})

# NOTES

@mutation("no warning of pools.generate.lagThreshold", "narrow")
def a_low_threshold_without_warning(r):
    r.notes = r.notes.replace("WARNING: pools.generate", "pools.generate")

@mutation("no warning of keda.authentication.enabled", "narrow")
def KEDA_without_login_and_no_warning(r):
    r.notes = r.notes.replace("WARNING: keda", "keda")

@mutation("no warning of networkPolicy.enabled", "minimal")
def an_open_network_in_silence(r):
    r.notes = r.notes.replace("WARNING: networkPolicy", "networkPolicy")

@mutation("a warning without cause of kafka.bootstrapServers", "sasl")
def a_warning_of_nothing(r):
    r.notes += "WARNING: kafka.bootstrapServers is wrong"

@mutation("test mill' is missing")
def no_next_command(r):
    r.notes = r.notes.replace("helm -n", "helm")

@mutation("'KEDA was not seen' is not expected", "keda-off")
def a_warning_of_KEDA_that_is_off(r):
    r.notes += "KEDA was not seen"

# contract

@mutation("no group north.search-1-0", "shards")
def the_group_of_another_layout(r):
    trigger(r, "search-0")["metadata"]["consumerGroup"] = "north.search-1-0"

@mutation("reads rag.documents, not rag.chunks")
def anothers_topic(r):
    trigger(r)["metadata"]["topic"] = "rag.chunks"

@mutation("'rag.docs' is no topic")
def a_topic_that_is_not_there(r):
    trigger(r)["metadata"]["topic"] = "rag.docs"

@mutation("is no topic or group", "shards")
def a_topic_without_its_prefix_in_an_alert(r):
    alert(r, "MillraceDeadLetters")["annotations"]["description"] += " rag.deadletters"

@mutation("pool search-3 is not rendered", "shards")
def a_shard_that_nobody_serves(r):
    r.documents.remove(workload(r, "search-3"))

@mutation("its command must be millrace worker embed --lane queries")
def the_wrong_lane(r):
    container(r, "embed-queries")["args"][3] = "documents"

@mutation("must declare the port http")
def another_port(r):
    container(r)["ports"][0]["containerPort"] = 8081

@mutation("the binary listens on 8080")
def another_port_of_a_Service(r):
    first(r, "Service")["spec"]["ports"][0]["port"] = 80

@mutation("lets port 9999 in", "alerts-off")
def another_port_of_the_NetworkPolicy(r):
    first(r, "NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"] = 9999

@mutation("livenessProbe asks /health on http")
def a_wrong_probe_path(r):
    container(r)["livenessProbe"]["httpGet"]["path"] = "/health"

@mutation("readinessProbe is missing")
def no_readiness(r):
    del container(r)["readinessProbe"]

@mutation("startupProbe gives less")
def a_hasty_startup_probe(r):
    container(r)["startupProbe"]["failureThreshold"] = 3

@mutation("reads /metric on http")
def a_wrong_metrics_path(r):
    first(r, "PodMonitor")["spec"]["podMetricsEndpoints"][0]["path"] = "/metric"

@mutation("has no PodMonitor")
def a_pool_without_PodMonitor(r):
    r.documents.remove(first(r, "PodMonitor"))

@mutation("no metric millrace_index_behind_record")
def a_metric_typo_in_an_alert(r):
    own = alert(r, "MillraceIndexBehind")
    own["expr"] = own["expr"].replace("behind_records", "behind_record")

@mutation("no metric millrace_retrieval_duration_bucket")
def a_metric_typo_in_the_dashboard(r):
    def change(board):
        own = next(p for p in board["panels"] if p["title"] == "Retrieval latency")["targets"][0]
        own["expr"] = own["expr"].replace("duration_seconds_bucket", "duration_bucket")
    panel(r, change)

@mutation("has a label group")
def a_label_typo(r):
    own = alert(r, "MillraceOldestRecord")
    own["expr"] = own["expr"].replace("consumergroup", "group")

@mutation("no PodMonitor makes a job like")
def an_alert_that_selects_no_job(r):
    own = alert(r, "MillraceIndexBehind")
    own["expr"] = own["expr"].replace("water/mill-millrace", "mill-millrace")

@mutation("alert MillraceDeadLetters is missing")
def a_missing_alert(r):
    first(r, "PrometheusRule")["spec"]["groups"][0]["rules"].remove(alert(r, "MillraceDeadLetters"))

@mutation("alert MillraceIndexNotStored is missing")
def a_disk_fault_that_nobody_sees(r):
    first(r, "PrometheusRule")["spec"]["groups"][0]["rules"].remove(alert(r, "MillraceIndexNotStored"))

@mutation("alert MillraceIndexRebuilt is not switched on", "alerts-off")
def an_alert_that_is_off(r):
    own = copy.deepcopy(alert(r, "MillraceIndexBehind"))
    first(r, "PrometheusRule")["spec"]["groups"][0]["rules"].append({**own, "alert": "MillraceIndexRebuilt"})

@mutation("says what to do")
def an_alert_without_advice(r):
    del alert(r, "MillraceDeadLetters")["annotations"]["description"]

@mutation("runbook_url must be set", "keda-off")
def an_alert_without_its_runbook(r):
    del alert(r, "MillraceDeadLetters")["annotations"]["runbook_url"]

@mutation("lacks the label that Grafana's sidecar")
def a_dashboard_that_Grafana_does_not_find(r):
    d, _ = next(r.dashboards)
    del d["metadata"]["labels"]["grafana_dashboard"]

@mutation("no panel shows millrace_index_write_amplification")
def an_index_panel_that_is_gone(r):
    panel(r, lambda board: board["panels"].remove(
        next(p for p in board["panels"] if p["title"] == "Write amplification")))

@mutation("has no query")
def a_panel_without_a_query(r):
    panel(r, lambda board: board["panels"][0].update(targets=[]))

@mutation("two panels overlap")
def a_panel_on_another(r):
    panel(r, lambda board: board["panels"][1]["gridPos"].update(x=0))

@mutation("no metric in it has a label cause")
def a_label_typo_in_the_index_row(r):
    def change(board):
        own = next(p for p in board["panels"] if p["title"] == "Index problems")["targets"][2]
        own["expr"] = own["expr"].replace("reason", "cause")
    panel(r, change)

@mutation("differs from the file in the chart")
def a_dashboard_mangled_by_the_template(r):
    panel(r, lambda board: board["panels"][0].update(title="x"))

# settings

@mutation("the binary refuses the rendered settings")
def a_setting_that_is_none(r):
    change_settings(r, "topicPrefix:", "topicsPrefix:")

@mutation("the binary refuses the rendered settings")
def a_number_in_exponential_form(r):
    change_settings(r, "documentBytesMax: 8388608", "documentBytesMax: 8.388608e+06")

@mutation("setting generate.windowRecords: the binary reads '17'")
def another_value(r):
    change_settings(r, "windowRecords: 16", "windowRecords: 17")

@mutation("setting log.level: not in the rendered file")
def a_section_left_out(r):
    change_settings(r, "log:\n  level: info\n", "")

def change_settings(r, old, new):
    d = next(d for d in r.of("ConfigMap") if "settings.yaml" in d["data"])
    assert old in d["data"]["settings.yaml"]
    d["data"]["settings.yaml"] = d["data"]["settings.yaml"].replace(old, new)

@mutation("KAFKA_PASSWORD is no setting", "sasl")
def a_variable_that_is_no_setting(r):
    container(r)["env"][0]["name"] = "KAFKA_PASSWORD"

@mutation("its environment must be ['KAFKA_PROPERTIES']", "sasl")
def a_key_that_ingest_has_no_use_for(r):
    container(r)["env"].append(next(e for e in container(r, "generate")["env"] if e["name"] == "LLM_API_KEY"))

@mutation("doesn't come from the Secret of the values", "sasl")
def a_variable_of_another_Secret(r):
    container(r)["env"][0]["valueFrom"]["secretKeyRef"]["name"] = "other"

@mutation("ask has no option --deadline-ms")
def an_option_of_the_test_that_is_not_there(r):
    script = first(r, "Pod")["spec"]["containers"][0]["args"]
    script[0] = script[0].replace("--deadline ", "--deadline-ms ")

# pods

@mutation("worker.graceDeadline + 15 s is 135", "shards")
def too_little_grace(r):
    pod(r)["terminationGracePeriodSeconds"] = 40

@mutation("preStop uses up the grace period")
def a_preStop(r):
    container(r)["lifecycle"] = {"preStop": {"sleep": {"seconds": 5}}}

@mutation(": privileged")
def a_privileged_container(r):
    container(r)["securityContext"]["privileged"] = True

@mutation("allowPrivilegeEscalation is not false")
def privilege_escalation(r):
    del container(r)["securityContext"]["allowPrivilegeEscalation"]

@mutation("capabilities are not all dropped")
def a_capability(r):
    container(r)["securityContext"]["capabilities"]["add"] = ["NET_ADMIN"]

@mutation("readOnlyRootFilesystem is not true")
def a_writable_root(r):
    container(r)["securityContext"]["readOnlyRootFilesystem"] = False

@mutation("runAsNonRoot is not true")
def root_allowed(r):
    del pod(r)["securityContext"]["runAsNonRoot"]

@mutation("no seccompProfile")
def no_seccomp(r):
    del pod(r)["securityContext"]["seccompProfile"]

@mutation("of kind {'hostPath'}")
def a_host_path(r):
    pod(r)["volumes"].append({"name": "host", "hostPath": {"path": "/"}})

@mutation("hostNetwork")
def the_hosts_network(r):
    pod(r)["hostNetwork"] = True

@mutation("/tmp can't be written")
def no_tmp(r):
    container(r)["volumeMounts"] = [m for m in container(r)["volumeMounts"] if m["mountPath"] != "/tmp"]

@mutation("enableServiceLinks")
def service_links(r):
    del pod(r)["enableServiceLinks"]

@mutation("mounts a token")
def a_token(r):
    del pod(r)["automountServiceAccountToken"]

@mutation("a limit of memory are needed")
def no_memory_limit(r):
    del container(r)["resources"]["limits"]

@mutation("requests more memory than its limit")
def more_requested_than_allowed(r):
    container(r)["resources"]["requests"]["memory"] = "4Gi"

@mutation("ingest.parserMemoryBytesMax and 256 MiB are more")
def a_limit_below_the_parsers(r):
    container(r)["resources"]["limits"]["memory"] = "1Gi"

@mutation("lacks the imagePullSecrets", "sasl")
def a_test_that_can_not_pull(r):
    del first(r, "Pod")["spec"]["imagePullSecrets"]

@mutation("doesn't know the job of")
def a_dashboard_that_lists_no_release(r):
    panel(r, lambda board: board["templating"]["list"][2].update(regex="/(.*)-(?:ingest)$/"))

@mutation("a floating tag")
def a_floating_tag(r):
    container(r)["image"] = "ghcr.io/millrace/millrace:latest"

@mutation("selects by")
def the_charts_version_in_a_selector(r):
    workload(r)["spec"]["selector"]["matchLabels"]["helm.sh/chart"] = "millrace-0.1.0"

@mutation("restart with every chart")
def the_charts_version_in_a_pods_labels(r):
    workload(r)["spec"]["template"]["metadata"]["labels"]["helm.sh/chart"] = "millrace-0.1.0"

@mutation("its selector finds no pods")
def a_Service_that_selects_nothing(r):
    first(r, "Service")["spec"]["selector"]["app.kubernetes.io/component"] = "gone"

@mutation("doesn't cover", "alerts-off")
def a_NetworkPolicy_that_misses_pods(r):
    first(r, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] = "ingest"

def policy(r, name):
    return next(d for d in r.of("NetworkPolicy") if d["metadata"]["name"].endswith(name))

@mutation("doesn't cover generate", "sasl")
def an_LLM_that_its_pool_cannot_reach(r):
    policy(r, "-llm")["spec"]["podSelector"]["matchExpressions"][0]["values"] = ["retrieve"]

@mutation("covers ingest, which doesn't need it", "sasl")
def Redis_for_parsers(r):
    policy(r, "-redis")["spec"]["podSelector"]["matchExpressions"][0]["values"].append("ingest")

@mutation("network: NetworkPolicy/mill-millrace-llm: egress is", "sasl")
def every_port_of_an_LLM(r):
    policy(r, "-llm")["spec"]["egress"][0]["ports"][0]["port"] = 443

@mutation("network: NetworkPolicy/mill-millrace: egress is", "sasl")
def a_DNS_server_of_anybody(r):
    del first(r, "NetworkPolicy")["spec"]["egress"][0]["to"]

@mutation("policyTypes must be", "alerts-off")
def a_NetworkPolicy_that_lets_all_out(r):
    first(r, "NetworkPolicy")["spec"]["policyTypes"] = ["Ingress"]

@mutation("network: NetworkPolicy/mill-millrace: egress is", "narrow")
def a_rule_without_ports_that_opens_every_one(r):
    first(r, "NetworkPolicy")["spec"]["egress"].append({"ports": None})

@mutation("network: NetworkPolicy/mill-millrace: ingress is", "alerts-off")
def metrics_for_everyone(r):
    del first(r, "NetworkPolicy")["spec"]["ingress"][0]["from"]

@mutation("must spread over zones and hosts")
def replicas_on_one_node(r):
    del pod(r)["topologySpreadConstraints"]

@mutation("must spread over zones and hosts")
def pods_that_wait_for_a_zone(r):
    pod(r, "search-0")["topologySpreadConstraints"][0]["whenUnsatisfiable"] = "DoNotSchedule"

@mutation("must spread over zones and hosts, by controller-revision-hash")
def shards_that_count_old_replicas(r):
    pod(r, "search-0")["topologySpreadConstraints"][1]["matchLabelKeys"] = ["pod-template-hash"]

@mutation("Pod/mill-millrace-test: tolerations is None", "alerts-off")
def a_test_that_no_node_takes(r):
    del first(r, "Pod")["spec"]["tolerations"]

@mutation("StatefulSet/north-search-1: nodeSelector is None", "shards")
def a_pools_own_nodeSelector_lost(r):
    del pod(r, "search-1")["nodeSelector"]

@mutation("minAvailable blocks drains")
def minAvailable(r):
    d = first(r, "PodDisruptionBudget")
    del d["spec"]["maxUnavailable"]
    d["spec"]["minAvailable"] = 1

@mutation("is not rendered")
def a_missing_ServiceAccount(r):
    r.documents.remove(first(r, "ServiceAccount"))

@mutation("volume tmp is missing")
def a_missing_volume(r):
    pod(r)["volumes"] = [v for v in pod(r)["volumes"] if v["name"] != "tmp"]

@mutation("/etc/millrace is not the ConfigMap")
def a_pool_without_its_settings(r):
    pod(r)["volumes"] = [v for v in pod(r)["volumes"] if v["name"] != "settings"]
    container(r)["volumeMounts"] = [m for m in container(r)["volumeMounts"] if m["name"] != "settings"]

@mutation("for its model", "sasl")
def a_pool_without_its_model(r):
    pod(r)["volumes"] = [v for v in pod(r)["volumes"] if v["name"] != "model"]

@mutation("is no headless Service")
def a_StatefulSet_without_its_Service(r):
    workload(r, "search-0")["spec"]["serviceName"] = "gone"

# the volumes of search

def claim(r, pool="search-0"):
    return workload(r, pool)["spec"]["volumeClaimTemplates"][0]

@mutation("search-0: volumeClaimTemplates are []")
def a_shard_without_a_claim(r):
    del workload(r, "search-0")["spec"]["volumeClaimTemplates"]

@mutation("search-0: volumeClaimTemplates are")
def a_claim_with_the_charts_version(r):
    claim(r)["metadata"]["labels"] = {"helm.sh/chart": "millrace-0.1.0"}

@mutation("StatefulSet/north-search-2: volumeClaimTemplates are", "shards")
def a_shard_with_a_claim_of_another_size(r):
    claim(r, "search-2")["spec"]["resources"]["requests"]["storage"] = "10Gi"

@mutation("StatefulSet/north-search-2: volumeClaimTemplates are", "shards")
def a_shard_with_a_claim_of_another_class(r):
    del claim(r, "search-2")["spec"]["storageClassName"]

@mutation("StatefulSet/north-search-2: volumeClaimTemplates are", "shards")
def a_shard_with_a_claim_that_others_may_write(r):
    claim(r, "search-2")["spec"]["accessModes"] = ["ReadWriteMany"]

@mutation("search-0: volumeClaimTemplates are")
def an_empty_class_that_no_provisioner_serves(r):
    claim(r)["spec"]["storageClassName"] = ""

@mutation("search-0: persistentVolumeClaimRetentionPolicy is None")
def claims_that_outlive_their_pods(r):
    del workload(r, "search-0")["spec"]["persistentVolumeClaimRetentionPolicy"]

@mutation("StatefulSet/north-search-3: persistentVolumeClaimRetentionPolicy is", "shards")
def another_retention_policy(r):
    workload(r, "search-3")["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] = "Delete"

def index_mount(r):
    return next(m for m in container(r, "search-0")["volumeMounts"] if m["name"] == "index")

@mutation("must mount the volume index at")
def an_index_that_is_not_mounted(r):
    container(r, "search-0")["volumeMounts"].remove(index_mount(r))

@mutation("volume index is not mounted")
def a_claim_that_nobody_mounts(r):
    container(r, "search-0")["volumeMounts"].remove(index_mount(r))

@mutation("must mount the volume index at")
def an_index_that_can_not_be_written(r):
    index_mount(r)["readOnly"] = True

@mutation("must mount the volume index at")
def an_index_in_another_folder(r):
    index_mount(r)["mountPath"] = "/data"

@mutation("must mount the volume index at")
def another_volume_for_the_index(r):
    index_mount(r)["name"] = "tmp"

@mutation("SEARCH_PATH is []")
def a_volume_that_search_does_not_use(r):
    del container(r, "search-0")["env"]

@mutation("its environment must be ['SEARCH_PATH']")
def search_without_its_path(r):
    del container(r, "search-0")["env"]

@mutation("SEARCH_PATH is ['/tmp']")
def an_index_beside_its_volume(r):
    container(r, "search-0")["env"][0]["value"] = "/tmp"

@mutation("its environment must be []")
def a_path_for_retrieve(r):
    container(r, "retrieve")["env"] = [{"name": "SEARCH_PATH", "value": "/var/lib/millrace/index"}]

@mutation("retrieve: has a volume for an index, which only search has")
def an_index_of_retrieve(r):
    pod(r, "retrieve")["volumes"].append({"name": "index", "emptyDir": {}})
    container(r, "retrieve")["volumeMounts"].append({"name": "index", "mountPath": "/var/lib/millrace/index"})

@mutation("fsGroup must be 65532")
def a_volume_that_its_user_can_not_write(r):
    del pod(r, "search-0")["securityContext"]["fsGroup"]

@mutation("fsGroup must be None", "alerts-off")
def a_group_that_OpenShift_refuses(r):
    pod(r, "search-0")["securityContext"]["fsGroup"] = 65532

@mutation("search-1: volumes of its index are []", "empty-dir")
def a_shard_without_its_emptyDir(r):
    pod(r, "search-1")["volumes"] = [v for v in pod(r, "search-1")["volumes"] if v["name"] != "index"]

@mutation("search-1: volumes of its index are", "empty-dir")
def an_emptyDir_without_limit(r):
    pod(r, "search-1")["volumes"][-1]["emptyDir"] = {}

@mutation("search-1: volumeClaimTemplates are", "empty-dir")
def a_claim_beside_the_emptyDir(r):
    workload(r, "search-1")["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "index"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}}}]

@mutation("search-1: persistentVolumeClaimRetentionPolicy is", "empty-dir")
def a_retention_policy_without_claims(r):
    workload(r, "search-1")["spec"]["persistentVolumeClaimRetentionPolicy"] = {
        "whenDeleted": "Delete", "whenScaled": "Delete"}

@mutation("search-0: volumes of its index are")
def an_emptyDir_beside_the_claim(r):
    pod(r, "search-0")["volumes"].append({"name": "index", "emptyDir": {"sizeLimit": "10Gi"}})

@mutation("doesn't restart when the settings change")
def no_checksum(r):
    del workload(r)["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]

@mutation("0 Jobs that create topics")
def no_topics_Job(r):
    r.documents.remove(first(r, "Job"))

@mutation("0 pods for helm test")
def no_test(r):
    r.documents.remove(first(r, "Pod"))

@mutation("rendered twice")
def a_document_twice(r):
    r.documents.append(first(r, "Service"))

@mutation("Kubernetes 1.30: spec/template/spec/containers/0")
def a_misspelt_field_of_a_Deployment(r):
    container(r)["imagePullPolice"] = "Always"

# alerts, by promtool

@mutation("promtool")
def an_expression_that_does_not_parse(r):
    alert(r, "MillraceIndexBehind")["expr"] += ")"

@mutation("promtool")
def lag_without_growth(r):
    own = alert(r, "MillraceLagGrowing")
    own["expr"] = own["expr"].split("\nand\n")[0]

@mutation("promtool")
def lag_summed_over_two_tellers(r):
    own = next(x for x in first(r, "PrometheusRule")["spec"]["groups"][0]["rules"] if "record" in x)
    own["expr"] = own["expr"].replace("max by", "sum by")

@mutation("promtool")
def an_age_that_fires_at_its_threshold(r):
    own = alert(r, "MillraceOldestRecord")
    own["expr"] = own["expr"].replace("> 60", ">= 60")

@mutation("promtool")
def increase_alone_for_dead_letters(r):
    own = alert(r, "MillraceDeadLetters")
    own["expr"] = "sum by (namespace, stage, reason) (increase(millrace_dead_letters_total[15m])) > 0"

@mutation("promtool")
def dead_letters_for_ever(r):
    own = alert(r, "MillraceDeadLetters")
    own["expr"] = "sum by (namespace, stage, reason) (millrace_dead_letters_total) > 0"

@mutation("promtool")
def an_index_alert_without_patience(r):
    del alert(r, "MillraceIndexBehind")["for"]

@mutation("promtool")
def everybodys_KEDA_errors(r):
    own = alert(r, "MillraceKedaErrors")
    own["expr"] = own["expr"].replace("mill-millrace-.*", ".*")

@mutation("promtool")
def a_disk_alert_without_patience(r):
    del alert(r, "MillraceIndexNotStored")["for"]

@mutation("promtool")
def a_disk_alert_that_never_fires(r):
    own = alert(r, "MillraceIndexNotStored")
    own["expr"] = own["expr"].replace("== 1", "> 1")

@mutation("promtool")
def everybodys_disk_faults(r):
    own = alert(r, "MillraceIndexNotStored")
    own["expr"] = "max by (namespace, job, pod) (millrace_index_disk_fault) == 1"

@mutation("promtool")
def increase_alone_for_rebuilds(r):
    own = alert(r, "MillraceIndexRebuilt")
    own["expr"] = "sum by (namespace, job, pod, reason) (increase(millrace_index_rebuilds_total[15m])) > 0"

@mutation("promtool")
def rebuilds_for_ever(r):
    own = alert(r, "MillraceIndexRebuilt")
    own["expr"] = "sum by (namespace, job, pod, reason) (millrace_index_rebuilds_total) > 0"

@mutation("promtool")
def damaged_files_for_ever(r):
    own = alert(r, "MillraceIndexDamaged")
    own["expr"] = "sum by (namespace, job, pod, reason) (millrace_index_faults_total) > 0"

@mutation("promtool")
def unsupported_answers_taken_for_failures(r):
    own = alert(r, "MillraceLLMFallbacks")
    own["expr"] = own["expr"].replace(', reason!="unsupported"', "")

@mutation("promtool")
def a_single_failure_of_the_LLM(r):
    own = alert(r, "MillraceLLMFallbacks")
    own["expr"] = own["expr"].replace(">= 5", ">= 1")

@mutation("promtool")
def failures_of_the_LLM_without_late_ones(r):
    own = alert(r, "MillraceLLMFallbacks")
    own["expr"] = own["expr"].replace('reason="late"', 'reason="broken"')

@mutation("promtool")
def everybodys_LLM(r):
    own = alert(r, "MillraceLLMFallbacks")
    own["expr"] = own["expr"].replace("mill-millrace-.*", ".*")

@mutation("promtool")
def rebuilds_taken_for_damage(r):
    own = alert(r, "MillraceIndexDamaged")
    own["expr"] = own["expr"].replace("index_faults", "index_rebuilds")
