"""One rendering of the chart, as the rules see it."""
import copy
import functools
import json
import pathlib
import subprocess
import tempfile

import yaml

RELEASE, NAMESPACE = "mill", "water"


class NoDuplicates(yaml.CSafeLoader):
    """Refuses duplicate keys in a map, which YAML readers accept silently."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise yaml.YAMLError(f"duplicate key {name}, {key.start_mark}")
            seen.add(name)
        return super().construct_mapping(node, deep)


class Binary:
    """Output of the binary, cached for each settings file."""

    def __init__(self, path):
        self.path = path

    @functools.lru_cache(maxsize=None)
    def _run(self, arguments, settings=None):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            if settings is not None:
                file.write(settings)
                file.flush()
                arguments = (*arguments, "--settings", file.name)
            # No environment and working folder /: the caller's KAFKA_... variables and state folders must not count.
            done = subprocess.run([self.path, *arguments], capture_output=True, text=True, timeout=60, env={}, cwd="/")
        return done.returncode, done.stdout, done.stderr.strip()

    def json(self, *arguments, settings=None):
        """The printed JSON, or an error as text."""
        code, out, errors = self._run((*arguments, "--json"), settings)
        return (json.loads(out), None) if code == 0 else (None, f"exit code {code}: {errors}")

    def help(self, *command):
        code, out, _ = self._run((*command, "--help"))
        return out if code == 0 else ""


class Rendering:
    def __init__(self, name, documents, values, binary, chart, notes):
        (self.name, self.documents, self.values, self.binary, self.chart,
         self.notes) = name, documents, values, binary, chart, notes

    @classmethod
    def parse(cls, name, texts, values, binary, chart):
        """- texts: rendered text by template path, as Helm returns it."""
        documents, notes = [], ""
        for path, text in texts.items():
            if path.endswith("NOTES.txt"):
                notes += text
            else:
                documents += [document for document in yaml.load_all(text, NoDuplicates) if document]
        return cls(name, documents, values, binary, chart, notes)

    def changed(self, name, change):
        """A copy with one mistake in it."""
        copied = Rendering(name, copy.deepcopy(self.documents), self.values, self.binary, self.chart, self.notes)
        change(copied)
        return copied

    def of(self, *kinds):
        return [document for document in self.documents if document["kind"] in kinds]

    def named(self, kind, name):
        return next((d for d in self.documents if d["kind"] == kind and d["metadata"]["name"] == name), None)

    @property
    def workloads(self):
        return self.of("Deployment", "StatefulSet")

    @property
    def pods(self):
        """(who, labels, pod spec) of every object with pods."""
        for d in self.documents:
            if d["kind"] in ("Deployment", "StatefulSet", "Job"):
                yield who(d), d["spec"]["template"]["metadata"].get("labels", {}), d["spec"]["template"]["spec"]
            elif d["kind"] == "Pod":
                yield who(d), d["metadata"].get("labels", {}), d["spec"]

    @property
    def containers(self):
        for name, _, spec in self.pods:
            for container in spec.get("initContainers", []) + spec["containers"]:
                yield f"{name}/{container['name']}", spec, container

    @property
    def settings_text(self):
        for d in self.of("ConfigMap"):
            if "settings.yaml" in d.get("data", {}):
                return d["data"]["settings.yaml"]
        return None

    @property
    def settings(self):
        return self.binary.json("settings", settings=self.settings_text)

    @property
    def contract(self):
        contract, error = self.binary.json("contract", settings=self.settings_text)
        if error:
            raise SystemExit(f"chart_check: `millrace contract` with the rendered settings: {error}")
        return contract

    @property
    def expressions(self):
        """(where, PromQL, names of recording rules) of alerts and dashboards."""
        recorded = {r["record"] for d in self.of("PrometheusRule") for g in d["spec"]["groups"] for r in g["rules"]
                    if "record" in r}
        for d in self.of("PrometheusRule"):
            for group in d["spec"]["groups"]:
                for rule in group["rules"]:
                    yield f"{who(d)} {rule.get('alert') or rule.get('record')}", rule["expr"], recorded
        for d, board in self.dashboards:
            for panel in board["panels"]:
                for target in panel.get("targets", []):
                    yield f"{who(d)} panel '{panel['title']}'", target["expr"], recorded
            for variable in board["templating"]["list"]:
                if variable["type"] == "query":
                    yield f"{who(d)} variable {variable['name']}", variable["query"]["query"], recorded

    @property
    def dashboards(self):
        for d in self.of("ConfigMap"):
            for name, text in (d.get("data") or {}).items():
                if name.endswith(".json"):
                    yield d, json.loads(text)


def who(document):
    return f"{document['kind']}/{document['metadata']['name']}"


def strings(node):
    """Every string in a document, including keys."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def leaves(node, prefix=""):
    """(key, value) pairs with keys such as `kafka.topicPrefix`, as the binary names its settings."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def folder():
    return pathlib.Path(__file__).resolve().parent
