"""The pod of a service: its container, with everything Kubernetes has a word for, and its volumes.

Pure. Names are made fit for Kubernetes, numbers are written in its units, durations rounded up to whole seconds.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Sequence
from typing import Any

from orchestrator.model.container import Container
from orchestrator.model.stack import Hook, Service, Stack
from orchestrator.model.values import SECOND, FileGrant, FileKind, Healthcheck, Mount, MountType

Document = dict[str, Any]

FILE_KEY = "content"
ANNOTATION = r"(?:[a-z0-9](?:[a-z0-9.\-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.\-]{0,61}[A-Za-z0-9])?"
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*\Z")


def dns_name(text: str) -> str:
    """``text`` as a name that every object may have: small letters, digits and hyphens, 63 at most."""
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-") or "x"
    name = name if name[0].isalpha() else f"x{name}"
    if len(name) <= 63:
        return name
    return f"{name[:52].rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def ports(service: Service) -> list[tuple[int, str]]:
    """The ports that the container listens on, as far as the file says: number and protocol."""
    found = {(port.target, port.protocol): None for port in service.container.ports}
    for text in service.container.expose:
        first, _, protocol = text.partition("/")
        number = first.partition("-")[0]
        if number.isdigit():
            found[int(number), protocol or "tcp"] = None
    return sorted(found)


def pod(stack: Stack, service: Service, *, once: bool) -> Document:
    """The pod's specification; ``once`` for what is to end by itself."""
    container = service.container
    spec: Document = {"containers": [_main(service)]}
    if service.pre_start:
        steps = enumerate(service.pre_start, 1)
        spec["initContainers"] = [_init(service, hook, number) for number, hook in steps]
    if once:
        spec["restartPolicy"] = "Never" if container.restart.name == "no" else "OnFailure"
    volumes = [_file_volume(grant) for grant in _unique(container.files)]
    volumes += [_volume(stack, mount, number) for number, mount in enumerate(container.mounts) if _is_known(mount)]
    spec["volumes"] = list({volume["name"]: volume for volume in volumes}.values())
    return {key: value for key, value in {**spec, **_pod_settings(container)}.items() if value not in ([], {}, None)}


def _pod_settings(container: Container) -> Document:
    grace = container.stop_grace_period_ns
    return {
        "hostname": dns_name(container.hostname) if container.hostname else None,
        "hostNetwork": True if container.network_mode == "host" else None,
        "hostPID": True if container.pid == "host" else None,
        "hostIPC": True if container.ipc == "host" else None,
        "hostAliases": _host_aliases(container.extra_hosts),
        "dnsConfig": _dns(container),
        "terminationGracePeriodSeconds": 10 if grace is None else _seconds(grace),
        "runtimeClassName": dns_name(container.runtime) if container.runtime not in ("", "runc") else None,
        "securityContext": _pod_security(container),
    }


def _main(service: Service) -> Document:
    container = service.container
    made = _base(dns_name(service.name), container)
    probe = _probe(container.healthcheck)
    whole: Document = {
        **made,
        "ports": [{"containerPort": number, "protocol": protocol.upper()} for number, protocol in ports(service)],
        "stdin": True if container.stdin_open else None,
        "tty": True if container.tty else None,
        "readinessProbe": probe,
        "lifecycle": _lifecycle(service),
    }
    return {key: value for key, value in whole.items() if value not in ([], {}, None)}


def _base(name: str, container: Container) -> Document:
    return {
        "name": name,
        "image": container.image,
        "command": _literal(container.entrypoint or ()),
        "args": _literal(container.command or ()),
        "workingDir": container.working_dir or None,
        "env": _variables(container),
        "resources": _resources(container),
        "volumeMounts": _mounts(container),
        "securityContext": _security(container),
    }


def _init(service: Service, hook: Hook, number: int) -> Document:
    made = _base(dns_name(f"{service.name}-pre-start-{number}"), service.container)
    made |= {"image": hook.image or service.container.image, "command": None, "args": _literal(hook.command)}
    made["env"] = [
        *(made["env"] or []),
        *({"name": k, "value": _plain(v)} for k, v in hook.environment.items() if v is not None),
    ]
    if hook.working_dir:
        made["workingDir"] = hook.working_dir
    return {key: value for key, value in made.items() if value not in ([], {}, None)}


def _variables(container: Container) -> list[Document]:
    given = container.environment.items()
    return [{"name": key, "value": _plain(value)} for key, value in given if value is not None and _VARIABLE.match(key)]


def _literal(words: Sequence[str]) -> list[str]:
    return [_plain(word) for word in words]


def _plain(text: str) -> str:
    """Kubernetes would fill in ``$(NAME)``; a Compose file means it as it stands."""
    return text.replace("$(", "$$(")


def _resources(container: Container) -> Document:
    limits: Document = {}
    if container.resources.nano_cpus:
        limits["cpu"] = f"{max(1, container.resources.nano_cpus // 1_000_000)}m"
    if container.resources.memory:
        limits["memory"] = str(container.resources.memory)
    requests = {"memory": str(container.resources.memory_reservation)} if container.resources.memory_reservation else {}
    return {key: value for key, value in {"limits": limits, "requests": requests}.items() if value}


def _security(container: Container) -> Document:
    uid, _, gid = container.user.partition(":")
    capabilities = {
        key: [one.removeprefix("CAP_") for one in names]
        for key, names in (("add", container.cap_add), ("drop", container.cap_drop))
        if names
    }
    found: Document = {
        "privileged": True if container.privileged else None,
        "readOnlyRootFilesystem": True if container.read_only else None,
        "runAsUser": int(uid) if uid.isdecimal() else None,
        "runAsGroup": int(gid) if gid.isdecimal() else None,
        "capabilities": capabilities or None,
        "allowPrivilegeEscalation": False if _no_new_privileges(container) else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _no_new_privileges(container: Container) -> bool:
    return any(option.startswith("no-new-privileges") and "false" not in option for option in container.security_opt)


def _pod_security(container: Container) -> Document:
    groups = [int(group) for group in container.group_add if group.isdecimal()]
    sysctls = [{"name": name, "value": value} for name, value in container.sysctls.items()]
    return {key: value for key, value in {"supplementalGroups": groups, "sysctls": sysctls}.items() if value}


def _probe(check: Healthcheck | None) -> Document | None:
    if check is None or check.disabled or not check.test:
        return None
    kind, *words = check.test
    command = ["/bin/sh", "-c", words[0]] if kind == "CMD-SHELL" else words
    timing = {
        "periodSeconds": check.interval_ns,
        "timeoutSeconds": check.timeout_ns,
        "initialDelaySeconds": check.start_period_ns,
    }
    times = {name: max(1, _seconds(ns)) for name, ns in timing.items() if ns}
    retries = {"failureThreshold": check.retries} if check.retries else {}
    return {"exec": {"command": list(command)}, **times, **retries}


def _lifecycle(service: Service) -> Document:
    return {
        key: {"exec": {"command": _together(hooks)}}
        for key, hooks in (("postStart", service.post_start), ("preStop", service.pre_stop))
        if hooks
    }


def _together(hooks: Sequence[Hook]) -> list[str]:
    """There is one command for each moment; several are run by a shell, one after the other."""
    if len(hooks) == 1 and not hooks[0].working_dir and not hooks[0].environment:
        return list(hooks[0].command)
    return ["/bin/sh", "-c", " && ".join(_in_shell(hook) for hook in hooks)]


def _in_shell(hook: Hook) -> str:
    variables = [f"{key}={shlex.quote(value)}" for key, value in hook.environment.items() if value is not None]
    words = shlex.join(hook.command)
    line = f"env {' '.join(variables)} {words}" if variables else words
    return f"(cd {shlex.quote(hook.working_dir)} && {line})" if hook.working_dir else line


# Volumes


def _is_known(mount: Mount) -> bool:
    return mount.type in (MountType.VOLUME, MountType.BIND, MountType.TMPFS, MountType.IMAGE)


def _volume_name(mount: Mount, number: int) -> str:
    return dns_name(f"volume-{mount.key}") if mount.type is MountType.VOLUME and mount.key else f"mount-{number}"


def _volume(stack: Stack, mount: Mount, number: int) -> Document:
    name = _volume_name(mount, number)
    if mount.type is MountType.BIND:
        return {"name": name, "hostPath": {"path": mount.source}}
    if mount.type is MountType.IMAGE:
        return {"name": name, "image": {"reference": mount.source}}
    if mount.type is MountType.VOLUME and mount.key:
        volume = stack.volumes.get(mount.key)
        claim = volume.name if volume is not None and volume.external else mount.key
        return {"name": name, "persistentVolumeClaim": {"claimName": dns_name(claim)}}
    limit = {"sizeLimit": str(mount.tmpfs_size)} if mount.tmpfs_size else {}
    return {"name": name, "emptyDir": {"medium": "Memory", **limit} if mount.type is MountType.TMPFS else {}}


def _mounts(container: Container) -> list[Document]:
    found = [_file_mount(grant) for grant in container.files]
    for number, mount in enumerate(container.mounts):
        if _is_known(mount):
            whole = {
                "name": _volume_name(mount, number),
                "mountPath": mount.target,
                "readOnly": True if mount.read_only else None,
                "subPath": mount.subpath or None,
            }
            found.append({key: value for key, value in whole.items() if value is not None})
    return found


def _unique(files: Sequence[FileGrant]) -> list[FileGrant]:
    return list({(grant.kind, grant.name): grant for grant in files}.values())


def _file_volume(grant: FileGrant) -> Document:
    mode = {} if grant.mode is None else {"defaultMode": grant.mode}
    name = dns_name(grant.name)
    if grant.kind is FileKind.SECRET:
        return {"name": dns_name(f"secret-{grant.name}"), "secret": {"secretName": name, **mode}}
    return {"name": dns_name(f"config-{grant.name}"), "configMap": {"name": name, **mode}}


def _file_mount(grant: FileGrant) -> Document:
    return {
        "name": dns_name(f"{grant.kind.value}-{grant.name}"),
        "mountPath": grant.target,
        "subPath": FILE_KEY,
        "readOnly": True,
    }


# Names and addresses


def _host_aliases(entries: Sequence[str]) -> list[Document]:
    found: dict[str, list[str]] = {}
    for entry in entries:
        name, _, address = entry.partition(":")
        if address != "host-gateway":
            found.setdefault(address.strip("[]"), []).append(name)
    return [{"ip": address, "hostnames": names} for address, names in found.items()]


def _dns(container: Container) -> Document | None:
    options = [_dns_option(option) for option in container.dns_opt]
    whole = {"nameservers": list(container.dns), "searches": list(container.dns_search), "options": options}
    return {key: value for key, value in whole.items() if value} or None


def _dns_option(text: str) -> Document:
    name, colon, value = text.partition(":")
    return {"name": name, "value": value} if colon else {"name": name}


def _seconds(nanoseconds: int) -> int:
    """Whole seconds, rounded up."""
    return -(-nanoseconds // SECOND)
