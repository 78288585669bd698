"""The manifests for Kubernetes, as `kubectl kustomize` makes them of each overlay."""

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from eventsink.assemble.process import DRAIN
from eventsink.exchange.rabbitmq.dead_queue import PREFIX
from tests.deploy.manifests import DEPLOY, OVERLAYS, kustomized

SECRETS = {
    each["metadata"]["name"]: {*each.get("stringData", ()), *each.get("data", ())}
    for each in yaml.safe_load_all((DEPLOY / "kubernetes/secret.example.yaml").read_text())
} | {"eventsink-monitor": {"monitor-key"}}
BUILT_IN = re.compile(r"v1|(apps|autoscaling|policy|networking\.k8s\.io)/v\d")


def of_kind(overlay: str, *kinds: str) -> Iterator[dict[str, Any]]:
    return (each for each in kustomized(overlay) if each["kind"] in kinds)


def pods(overlay: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, labels and specification of the pods of each workload."""
    for each in of_kind(overlay, "StatefulSet", "Deployment"):
        template = each["spec"]["template"]
        yield each["metadata"]["name"], template["metadata"]["labels"], template["spec"]


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(
        labels.get(rule["key"]) in rule["values"]
        for rule in selector.get("matchExpressions", ())
        if rule["operator"] == "In"
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_takes_it(overlay):
    for each in kustomized(overlay):
        if BUILT_IN.fullmatch(each["apiVersion"]):
            kubernetes_validate.validate(each, "1.37", strict=True)
        else:
            assert each["apiVersion"] == "keda.sh/v1alpha1"
        assert each["metadata"].get("namespace", "").startswith("eventsink") or each["kind"] == "Namespace"


def test_the_schemas_judge():
    (serve,) = (each for each in of_kind("base", "StatefulSet") if each["metadata"]["name"] == "serve")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**serve, "spec": {**serve["spec"], "replica": 1}}, "1.37", strict=True)


def test_the_component_without_keda_is_well(tmp_path):
    for each in yaml.safe_load_all((DEPLOY / "kubernetes/components/hpa/workers.yaml").read_text()):
        kubernetes_validate.validate(each, "1.37", strict=True)
        assert each["spec"]["scaleTargetRef"]["name"] in [name for name, _, _ in pods("base")]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_is_restricted(overlay):
    for name, _, pod in pods(overlay):
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["terminationGracePeriodSeconds"] >= DRAIN + 10
        context = pod["securityContext"]
        assert context["runAsNonRoot"] and context["runAsUser"] > 0 and context["fsGroup"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {sysctl["name"] for sysctl in context.get("sysctls", ())} <= {"net.ipv4.ping_group_range"}, "a safe one"
        inner = container["securityContext"]
        assert inner["readOnlyRootFilesystem"] is True and inner["allowPrivilegeEscalation"] is False
        assert inner["capabilities"] == {"drop": ["ALL"]}
        assert (
            set(container["resources"]["requests"]) == {"cpu", "memory"} and container["resources"]["limits"]["memory"]
        )
        assert re.fullmatch(r"(.+/)?eventsink:\d+\.\d+\.\d+", container["image"]), "its version is pinned"
    for namespace in of_kind(overlay, "Namespace"):
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_probe_asks_a_port_that_is_there(overlay):
    for _, _, pod in pods(overlay):
        (container,) = pod["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        environment = {each["name"]: each.get("value") for each in container["env"]}
        for kind, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            assert container[kind]["httpGet"]["path"] == path
            assert container[kind]["httpGet"]["port"] in ports
        if container["args"][0] in ("worker", "monitor"):
            assert environment["EVENTSINK_TELEMETRY__PORT"] == str(ports["telemetry"])
            assert environment["EVENTSINK_TELEMETRY__HOST"] == "0.0.0.0"
        else:
            assert ports == {"http": 8750}, "the image listens there"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_pod_mounts_and_reads_is_there(overlay):
    settings = {each["metadata"]["name"]: each["data"] for each in of_kind(overlay, "ConfigMap")}
    claims = {
        each["metadata"]["name"]: [claim["metadata"]["name"] for claim in each["spec"].get("volumeClaimTemplates", ())]
        for each in of_kind(overlay, "StatefulSet")
    }
    accounts = {each["metadata"]["name"] for each in of_kind(overlay, "ServiceAccount")}
    for name, _, pod in pods(overlay):
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == {*volumes, *claims.get(name, ())}
        assert {pod.get("serviceAccountName", "")} <= {*accounts, ""}
        files = set()
        for mount in container["volumeMounts"]:
            volume = volumes.get(mount["name"], {})
            if "secret" in volume:
                known = SECRETS[volume["secret"]["secretName"]]
                taken = {item["key"] for item in volume["secret"].get("items", ())} or known
                assert taken <= known
                files |= {f"{mount['mountPath']}/{key}" for key in taken}
            if "configMap" in volume:
                given = settings.get(volume["configMap"]["name"], {})
                assert given or overlay == "base", "the settings of a monitor come from its overlay"
                files |= {f"{mount['mountPath']}/{key}" for key in given}
        for each in container["env"]:
            if each["name"].endswith("_FILE") or each["name"] in ("EVENTSINK_CONFIG", "EVENTSINK_COLLECT__KEYS"):
                assert each["value"] in files, f"{name}: nothing is mounted at {each['value']}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_who_is_named_is_there(overlay):
    workloads = {(each["kind"], each["metadata"]["name"]) for each in of_kind(overlay, "StatefulSet", "Deployment")}
    services = {each["metadata"]["name"]: each["spec"] for each in of_kind(overlay, "Service")}
    for each in of_kind(overlay, "HorizontalPodAutoscaler", "ScaledObject"):
        target = each["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) in workloads
    for each in of_kind(overlay, "StatefulSet"):
        assert each["spec"]["serviceName"] in services
    for each in of_kind(overlay, "StatefulSet", "Deployment"):
        assert matches(each["spec"]["selector"], each["spec"]["template"]["metadata"]["labels"])
    for name, spec in services.items():
        if name == "nobody":
            assert "selector" not in spec, "it has no pods, whatever comes"
            continue
        found = [pod for _, labels, pod in pods(overlay) if spec["selector"].items() <= labels.items()]
        assert len(found) == 1
        named = {port["name"] for port in found[0]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in spec["ports"]} <= named
    for each in of_kind(overlay, "PodDisruptionBudget", "NetworkPolicy"):
        selector = each["spec"].get("selector") or each["spec"]["podSelector"]
        assert any(matches(selector, labels) for _, labels, _ in pods(overlay)), each["metadata"]["name"]
    for each in of_kind(overlay, "Ingress"):
        for rule in each["spec"]["rules"]:
            assert rule["host"] in each["spec"]["tls"][0]["hosts"]
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                assert backend["port"]["name"] in {port["name"] for port in services[backend["name"]]["ports"]}


@pytest.mark.parametrize("overlay", ["base", "overlays/production"])
def test_nothing_comes_in_or_goes_out_but_what_is_said(overlay):
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(overlay, "NetworkPolicy")}
    closed = policies.pop("nothing-by-default")
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for spec in policies.values():
        for rule in [*spec.get("ingress", ()), *spec.get("egress", ())]:
            assert rule["ports"], "each is open for some ports alone"
    into = [spec for spec in policies.values() if "Ingress" in spec["policyTypes"]]
    for name, labels, pod in pods(overlay):
        ports = {port["containerPort"] for port in pod["containers"][0]["ports"]}
        open_ = {
            port["port"]
            for spec in into
            if matches(spec["podSelector"], labels)
            for rule in spec["ingress"]
            for port in rule["ports"]
        }
        assert open_ == ports, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_that_is_not_ready_holds_up_no_drain_and_no_mending(overlay):
    for each in of_kind(overlay, "PodDisruptionBudget"):
        assert each["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow", each["metadata"]["name"]
    for each in of_kind(overlay, "StatefulSet"):
        # With OrderedReady, Kubernetes waits for the broken pod before it starts one with what was mended.
        assert each["spec"]["podManagementPolicy"] == "Parallel", each["metadata"]["name"]


@pytest.mark.parametrize("overlay", ["base", "overlays/production"])
def test_metrics_are_not_for_the_world(overlay):
    (ingress,) = of_kind(overlay, "Ingress")
    paths = {path["path"]: path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]}
    assert paths["/metrics"]["pathType"] == "Prefix", "/metrics/ is answered, too"
    assert paths["/metrics"]["backend"]["service"]["name"] == "nobody"


@pytest.mark.parametrize("overlay", ["base", "overlays/production"])
def test_rabbitmq_is_reached_with_and_without_tls(overlay):
    (policy,) = (each for each in of_kind(overlay, "NetworkPolicy") if each["metadata"]["name"] == "to-rabbitmq")
    (rule,) = policy["spec"]["egress"]
    assert {port["port"] for port in rule["ports"]} == {5672, 5671, 15672, 15671}


def test_keda_asks_for_the_queue_of_the_worker_that_it_scales():
    workers = {name: pod["containers"][0]["args"] for name, _, pod in pods("overlays/production")}
    scaled = [*of_kind("overlays/production", "ScaledObject")]
    assert {each["spec"]["scaleTargetRef"]["name"] for each in scaled} == {name for name in workers if "worker" in name}
    (login,) = of_kind("overlays/production", "TriggerAuthentication")
    (secret,) = login["spec"]["secretTargetRef"]
    assert secret["parameter"] == "host" and secret["key"] in SECRETS[secret["name"]]
    for each in scaled:
        (trigger,) = each["spec"]["triggers"]
        metadata = trigger["metadata"]
        assert trigger["type"] == "rabbitmq" and trigger["authenticationRef"] == {"name": login["metadata"]["name"]}
        assert metadata["queueName"] == PREFIX + workers[each["spec"]["scaleTargetRef"]["name"]][1]
        assert metadata["mode"] == "QueueLength" and float(metadata["value"]) > 0
        assert all(isinstance(value, str) for value in metadata.values()), "KEDA takes texts alone"
        assert 1 <= each["spec"]["minReplicaCount"] <= each["spec"]["maxReplicaCount"]
