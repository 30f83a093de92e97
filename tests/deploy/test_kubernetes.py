"""The Kubernetes manifests: valid by the API's own schemas, and in step with settings, probes, ports and Secrets."""

import asyncio
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from streams.__main__ import dripcode
from streams.ops import serve_ops
from streams.settings import NAMES, Settings, load_settings
from tests.deploy.tools import DEPLOY
from tests.servers.ports import free_port
from tests.waiting import PATIENCE

FOLDER = DEPLOY / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS = [
    (path.name, found)
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for found in yaml.safe_load_all(path.read_text())
]
VERSIONS = ("1.30", "1.37")
PORTS = {"worker": 9464, "listener": 9465, "projector": 9466, "web": 9467}


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [found for _, found in OBJECTS if found["kind"] in kinds]


def workloads() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Component, pod template and its only container."""
    for found in of_kind("Deployment", "StatefulSet", "Job"):
        (container,) = found["spec"]["template"]["spec"]["containers"]
        yield container["name"], found["spec"]["template"], container


COMPONENTS = [name for name, _, _ in workloads()]
TEMPLATES = {name: template for name, template, _ in workloads()}
CONTAINERS = {name: container for name, _, container in workloads()}
SERVING = [name for name in COMPONENTS if name != "topics"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("file", "found"), OBJECTS, ids=lambda value: value if isinstance(value, str) else value["kind"]
)
def test_the_api_would_take_it(file: str, found: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(found, version, strict=True)


def test_the_api_would_refuse_what_is_wrong() -> None:
    service = yaml.safe_load("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {prots: []}}")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, VERSIONS[0], strict=True)


def test_everything_but_the_example_is_applied() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")}
    assert set(KUSTOMIZATION["resources"]) == files - {"kustomization.yaml", "secrets.example.yaml"}
    assert {container["image"] for container in CONTAINERS.values()} == {KUSTOMIZATION["images"][0]["name"]}
    assert {found["metadata"].get("namespace", "dripcode") for _, found in OBJECTS} == {"dripcode"}


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_pod_may_no_more_than_needed(name: str) -> None:
    pod, container = TEMPLATES[name]["spec"], CONTAINERS[name]
    assert pod["securityContext"]["runAsNonRoot"]
    assert str(pod["securityContext"]["runAsUser"]) in (DEPLOY / "Dockerfile").read_text()
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_service_of_ours_adds_no_setting(name: str) -> None:
    """With service links a pod has DRIPCODE_LISTENER_SERVICE_HOST, which is no setting, and ends with an error."""
    assert TEMPLATES[name]["spec"]["enableServiceLinks"] is False


def configured() -> Settings:
    text = next(found["data"]["dripcode.toml"] for found in of_kind("ConfigMap"))
    parsed = tomllib.loads(text)
    assert set(parsed) <= set(NAMES)
    return load_settings(environment={}, given=parsed)[0]


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_pod_has_known_settings_and_a_command_of_ours(name: str) -> None:
    given = {one["name"] for one in CONTAINERS[name]["env"]} - {"DRIPCODE_CONFIG"}
    assert {one.removeprefix("DRIPCODE_").lower() for one in given} <= set(NAMES)
    assert CliRunner().invoke(dripcode, [*CONTAINERS[name]["args"], "--help"]).exit_code == 0


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_file_that_a_setting_names_is_mounted_from_a_secret_that_is_told(name: str) -> None:
    """What this process reads: its own certificates and people, and the way in to Kafka and Redis."""
    settings = configured()
    told = {found["metadata"]["name"]: set(found["stringData"]) for found in of_kind("Secret")}
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINERS[name]["volumeMounts"]}
    volumes = {
        volume["name"]: volume.get("secret", {}).get("secretName") for volume in TEMPLATES[name]["spec"]["volumes"]
    }
    theirs = {"mllp_": "listener", "web_": "web"}
    checked = 0
    for setting in NAMES:
        path = getattr(settings, setting)
        owner = next((owner for prefix, owner in theirs.items() if setting.startswith(prefix)), name)
        if not str(path).startswith("/etc/dripcode/") or owner != name:
            continue
        folder, _, file = str(path).rpartition("/")
        assert file in told[volumes[mounts[folder]]], setting
        checked += 1
    assert checked >= 4


@pytest.mark.parametrize("name", SERVING)
def test_probes_ask_pages_that_a_process_answers(name: str) -> None:
    container = CONTAINERS[name]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["metrics"] == PORTS[name]
    wanted = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for probe, path in wanted.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "metrics"}


def test_those_pages_are_served_where_the_image_says() -> None:
    image = (DEPLOY / "Dockerfile").read_text()
    for name, setting in (
        ("worker", "METRICS_LISTEN"),
        ("listener", "LISTENER_METRICS_LISTEN"),
        ("projector", "PROJECTOR_METRICS_LISTEN"),
        ("web", "WEB_METRICS_LISTEN"),
    ):
        assert f"DRIPCODE_{setting}=0.0.0.0:{PORTS[name]}" in image
    port = free_port()

    def status(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as wrong:
            with wrong:
                return wrong.code

    async def ask() -> list[int]:
        runner = await serve_ops(f"127.0.0.1:{port}", CollectorRegistry(), lambda: "recovering")
        assert runner is not None
        try:
            return [await asyncio.to_thread(status, path) for path in ("/healthz", "/readyz")]
        finally:
            await runner.cleanup()

    assert asyncio.run(ask()) == [200, 503]


def test_selectors_find_their_pods() -> None:
    labels = {name: template["metadata"]["labels"] for name, template in TEMPLATES.items()}
    for found in of_kind("Deployment", "StatefulSet"):
        name = found["spec"]["template"]["spec"]["containers"][0]["name"]
        assert found["spec"]["selector"]["matchLabels"] == labels[name]
    selectors = [found["spec"]["selector"] for found in of_kind("Service")]
    selectors += [found["spec"]["selector"]["matchLabels"] for found in of_kind("PodDisruptionBudget")]
    selectors += [s["matchLabels"] for found in of_kind("NetworkPolicy") if (s := found["spec"]["podSelector"])]
    assert len(selectors) == 7
    assert [selector for selector in selectors if selector not in labels.values()] == []
    assert {found["metadata"]["name"] for found in of_kind("PodDisruptionBudget")} == {
        "dripcode-worker",
        "dripcode-listener",
    }


def test_ports_of_services_and_policies_are_ports_of_their_pods() -> None:
    of_pods = {
        frozenset(TEMPLATES[name]["metadata"]["labels"].items()): {port["name"] for port in CONTAINERS[name]["ports"]}
        for name in SERVING
    }
    for found in of_kind("Service"):
        named = {port["targetPort"] for port in found["spec"]["ports"]}
        assert named <= of_pods[frozenset(found["spec"]["selector"].items())]
    for found in of_kind("NetworkPolicy"):
        named = {port["port"] for rule in found["spec"].get("ingress", ()) for port in rule["ports"]}
        chosen = found["spec"]["podSelector"].get("matchLabels")
        pods = [of_pods[frozenset(chosen.items())]] if chosen else list(of_pods.values())
        assert all(named <= ports for ports in pods)


def test_nothing_comes_in_or_goes_out_that_no_policy_names() -> None:
    denying = [
        found["spec"]
        for found in of_kind("NetworkPolicy")
        if not found["spec"]["podSelector"] and not {"ingress", "egress"} & set(found["spec"])
    ]
    assert [sorted(spec["policyTypes"]) for spec in denying] == [["Egress", "Ingress"]]


def test_each_worker_has_a_name_and_a_disk_of_its_own() -> None:
    (workers,) = [found for found in of_kind("StatefulSet") if found["metadata"]["name"] == "dripcode-worker"]
    named = {one["name"]: one for one in CONTAINERS["worker"]["env"]}
    assert named["DRIPCODE_INSTANCE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    (claim,) = workers["spec"]["volumeClaimTemplates"]
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINERS["worker"]["volumeMounts"]}
    assert Path(mounts[claim["metadata"]["name"]]) == Path("/var/lib/dripcode")
    assert workers["spec"]["replicas"] <= configured().partitions
