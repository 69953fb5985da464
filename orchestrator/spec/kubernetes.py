"""A stack as Kubernetes manifests: our own conversion, for `stack bridge convert` without a transformation image.

A ``Stack`` goes in; documents out, each under the name of its file, and notes about what Kubernetes has no word for. A service
becomes a Deployment (a global one a DaemonSet, a job a Job) with a Service of its name; named volumes become claims, configs
and secrets ConfigMaps and Secrets, networks NetworkPolicies where there are several. Pure but for reading the files that
configs and secrets name.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from orchestrator.errors import SpecError
from orchestrator.model.stack import Condition, Service, Stack
from orchestrator.model.values import FileGrant, FileKind, MountType
from orchestrator.records import dataclass, field
from orchestrator.spec import kubernetes_pods as pods
from orchestrator.spec.kubernetes_pods import Document, dns_name

VOLUME_SIZE = "1Gi"
_LARGEST = 1024 * 1024  # what a ConfigMap or a Secret may hold


@dataclass(slots=True)
class Manifests:
    """``files`` maps names of files to documents."""

    files: dict[str, Document] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, document: Document) -> None:
        kind, name = str(document["kind"]), str(document["metadata"]["name"])
        spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()
        self.files[f"{name}-{spelled}.yaml"] = document


def manifests(stack: Stack) -> Manifests:
    """Everything, with a kustomization that names it all."""
    made = Manifests()
    space = dns_name(stack.name)
    made.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": _labels(stack)}})
    for grant in _grants(stack):
        made.add(_held(stack, grant))
    for claim in _claims(stack):
        made.add(claim)
    for service in stack.services.values():
        if service.provider is not None:
            made.notes.append(f"services.{service.name}: a provider is no container and is left out")
            continue
        made.add(_workload(stack, service))
        for document in _services(stack, service):
            made.add(document)
        made.notes += [f"services.{service.name}: {note}" for note in _lost(stack, service)]
    for document in _policies(stack):
        made.add(document)
    made.files["kustomization.yaml"] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": space,
        "resources": sorted(made.files),
    }
    return made


def _labels(stack: Stack, service: Service | None = None) -> dict[str, str]:
    own = {"app.kubernetes.io/part-of": dns_name(stack.name), "app.kubernetes.io/managed-by": "stack"}
    return own if service is None else {**own, **_selector(service)}


def _selector(service: Service) -> dict[str, str]:
    return {"app.kubernetes.io/name": dns_name(service.name)}


def _network_label(key: str) -> str:
    return f"network.stack/{dns_name(key)}"


def _metadata(stack: Stack, name: str, service: Service | None = None) -> Document:
    return {"name": dns_name(name), "namespace": dns_name(stack.name), "labels": _labels(stack, service)}


# Workloads


def _workload(stack: Stack, service: Service) -> Document:
    networks = {_network_label(key): "true" for key in _networks(stack, service)}
    template = {
        "metadata": {"labels": {**_labels(stack, service), **networks}, **_annotations(service)},
        "spec": pods.pod(stack, service, once=is_job(stack, service)),
    }
    metadata = _metadata(stack, service.name, service)
    if is_job(stack, service):
        count = max(1, service.replicas)
        job = {"template": template, "completions": count, "parallelism": count, "backoffLimit": _retries(service)}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job}
    spec: Document = {"selector": {"matchLabels": _selector(service)}, "template": template}
    if service.deploy.mode == "global":
        return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}
    start_first = service.rollout.order.value == "start-first"
    rolling = {
        "maxSurge": max(1, service.rollout.parallelism) if start_first else 0,
        "maxUnavailable": 0 if start_first else 1,
    }
    strategy: Document = {"type": "RollingUpdate", "rollingUpdate": rolling}
    if any(mount.type is MountType.VOLUME and mount.source for mount in service.container.mounts):
        strategy = {"type": "Recreate"}  # a claim of one node's is not held by two pods at a time
    whole = {"replicas": service.replicas, "strategy": strategy, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": whole}


def is_job(stack: Stack, service: Service) -> bool:
    """Whether a service ends by itself: a job by its word, or one whose end others wait for."""
    awaited = any(
        how.condition is Condition.COMPLETED
        for other in stack.services.values()
        for name, how in other.depends_on.items()
        if name == service.name
    )
    return service.is_job or awaited


def _retries(service: Service) -> int:
    restart = service.deploy.restart
    if restart is not None and restart.max_attempts is not None:
        return restart.max_attempts
    return service.container.restart.max_retries or (0 if service.container.restart.name == "no" else 6)


def _annotations(service: Service) -> Document:
    """Labels may hold what Kubernetes takes only in annotations."""
    found = {**service.container.labels, **service.container.annotations}
    valid = {key: value for key, value in found.items() if re.fullmatch(pods.ANNOTATION, key)}
    return {"annotations": dict(valid)} if valid else {}


# Services


def _services(stack: Stack, service: Service) -> Iterator[Document]:
    """One inside of the cluster under the service's name; one more for what is published."""
    inside = pods.ports(service)
    spec: Document = {"selector": _selector(service)}
    if inside:
        spec["ports"] = [_service_port(port, protocol, port) for port, protocol in inside]
    else:
        spec["clusterIP"] = "None"  # a name without an address of its own: other services find the pods by it
    yield {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(stack, service.name, service), "spec": spec}
    published = [port for port in service.container.ports if port.published]
    if published:
        outside = [
            _service_port(int(port.published.partition("-")[0]), port.protocol, port.target) for port in published
        ]
        unique = {(one["port"], one["protocol"]): one for one in outside}
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata(stack, f"{service.name}-published", service),
            "spec": {"type": "LoadBalancer", "selector": _selector(service), "ports": list(unique.values())},
        }


def _service_port(port: int, protocol: str, target: int) -> Document:
    return {"name": f"{protocol}-{port}", "port": port, "protocol": protocol.upper(), "targetPort": target}


def _networks(stack: Stack, service: Service) -> list[str]:
    return sorted(key for key in service.container.networks if key in stack.networks)


def _policies(stack: Stack) -> Iterator[Document]:
    """Pods of one network reach each other, those of different networks do not. One network alone needs no rules."""
    used = sorted({key for service in stack.services.values() for key in _networks(stack, service)})
    if len(used) < 2:
        return
    for key in used:
        members = {"matchLabels": {_network_label(key): "true"}}
        spec = {"podSelector": members, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": members}]}]}
        yield _policy(stack, f"{key}-network", spec)
    for service in stack.services.values():
        published = [port for port in service.container.ports if port.published]
        open_ports = [{"port": port.target, "protocol": port.protocol.upper()} for port in published]
        if open_ports:
            spec = {
                "podSelector": {"matchLabels": _selector(service)},
                "policyTypes": ["Ingress"],
                "ingress": [{"ports": open_ports}],
            }
            yield _policy(stack, f"{service.name}-published", spec)


def _policy(stack: Stack, name: str, spec: Document) -> Document:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(stack, name),
        "spec": spec,
    }


# Storage


def _claims(stack: Stack) -> Iterator[Document]:
    used = {m.key for s in stack.services.values() for m in s.container.mounts if m.type is MountType.VOLUME and m.key}
    for key, volume in sorted(stack.volumes.items()):
        if key in used and not volume.external:
            size = volume.driver_opts.get("size") or VOLUME_SIZE
            spec = {
                "accessModes": ["ReadWriteOnce"],
                "resources": {
                    "requests": {"storage": size if re.fullmatch(r"[0-9]+(?:[KMGTPE]i?)?", size) else VOLUME_SIZE}
                },
            }
            yield {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": _metadata(stack, key),
                "spec": spec,
            }


def _grants(stack: Stack) -> list[FileGrant]:
    """Each config and secret once."""
    found: dict[tuple[FileKind, str], FileGrant] = {}
    for service in stack.services.values():
        for grant in service.container.files:
            found.setdefault((grant.kind, grant.name), grant)
    return list(found.values())


def _held(stack: Stack, grant: FileGrant) -> Document:
    data = _content(grant)
    metadata = _metadata(stack, grant.name)
    if grant.kind is FileKind.SECRET:
        encoded = {pods.FILE_KEY: base64.b64encode(data).decode()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded}
    try:
        held: Document = {"data": {pods.FILE_KEY: data.decode()}}
    except UnicodeDecodeError:
        held = {"binaryData": {pods.FILE_KEY: base64.b64encode(data).decode()}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **held}


def _content(grant: FileGrant) -> bytes:
    data = grant.content
    if data is None:
        try:
            with open(grant.source, "rb") as file:
                data = file.read(_LARGEST + 1)
        except OSError as problem:
            raise SpecError(
                f"{grant.source} cannot be read: {problem.strerror}", reference="cannot-convert"
            ) from problem
    if len(data) > _LARGEST:
        raise SpecError(
            f"the {grant.kind.value} {grant.name!r} is larger than the 1 MiB that Kubernetes takes",
            reference="cannot-convert",
        )
    return data


# What is lost


def _lost(stack: Stack, service: Service) -> Iterator[str]:
    """What the manifests cannot say."""
    waits = [name for name, how in service.depends_on.items() if not how.implicit and name in stack.services]
    if waits:
        yield f"Kubernetes starts everything at once; it will be restarted until {', '.join(sorted(waits))} can be reached"
    if service.build is not None:
        yield f"the image {service.container.image} has to be pushed to where the cluster pulls from"
    for mount in service.container.mounts:
        if mount.type is MountType.BIND:
            yield f"{mount.source} is looked for on whichever node the pod runs"
        elif mount.type not in (MountType.VOLUME, MountType.TMPFS, MountType.IMAGE):
            yield f"a mount of type {mount.type.value} is left out"
    container = service.container
    mode = container.network_mode.partition(":")[0]
    unsaid = {
        "network_mode": mode in ("service", "container"),
        "links": bool(container.links or container.external_links),
        "devices": bool(container.devices or container.device_requests),
        "ulimits": bool(container.ulimits),
        "volumes_from": bool(container.volumes_from),
        "logging": container.logging is not None,
        "models": bool(service.models),
    }
    names = [name for name, said in unsaid.items() if said]
    if names:
        yield f"{', '.join(names)} have no counterpart and are left out"
