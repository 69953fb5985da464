"""What a container may have of the host's powers: capabilities, devices, security options, sysctls, annotations."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.admission import reading
from orchestrator.admission.judging import Judge, shown

# What the engine gives every container.
CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)
NO_NEW_PRIVILEGES = "no-new-privileges"
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_HARMLESS_OPTIONS = ("seccomp=builtin", "seccomp=", "apparmor=docker-default", "apparmor=")
_SYSCTL = re.compile(
    r"net(\.[A-Za-z0-9_*-]+)+|fs\.mqueue\.[a-z_]+"
    r"|kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)"
)
# Prefixes of annotations that runtimes act upon.
_OBEYED = (
    "run.oci.",
    "org.systemd.",
    "org.criu.",
    "io.katacontainers.",
    "dev.gvisor.",
    "com.docker.",
    "io.containers.",
    "io.kubernetes.",
    "io.podman.",
    "cdi.k8s.io",
    "module.wasm.",
    "org.opencontainers.runc",
    "com.nvidia",
)


def capability(judge: Judge, field: str, value: Any) -> None:
    name = short(reading.text(value))
    if name not in CAPABILITIES and name not in {short(one) for one in judge.grants.capabilities}:
        judge.refuse("capability", field, value, f"{shown(name)} is not among the engine's default capabilities")


def short(capability: str) -> str:
    return capability.strip().upper().removeprefix("CAP_")


def device(judge: Judge, field: str, value: Any) -> None:
    found = reading.fields(value)
    path = reading.text(found.get("pathonhost"))
    if not _granted_device(judge, path):
        judge.refuse("device", field, path, f"the device {shown(path)}")


def _granted_device(judge: Judge, path: str) -> bool:
    """A grant names a device, or with a ``*`` at its end all that begin so."""
    return ".." not in path and any(
        path == grant or (grant.endswith("*") and path.startswith(grant[:-1])) for grant in judge.grants.devices
    )


def device_rule(judge: Judge, field: str, value: Any) -> None:
    rule = reading.text(value)
    if rule not in judge.grants.devices:
        judge.refuse("device", field, rule, f"the rule about devices {shown(rule)!r}")


def device_request(judge: Judge, field: str, value: Any) -> None:
    found = reading.fields(value)
    ids = [reading.text(one) for _, one in reading.items(found.get("deviceids"))]
    if found.get("driver") == "cdi" and ids and all(one in judge.grants.devices for one in ids):
        return
    judge.refuse("gpu", field, ", ".join(ids) or reading.text(found.get("driver")), "GPUs and other requested devices")


def option(judge: Judge, field: str, value: Any) -> None:
    said = normal(reading.text(value))
    key, _, content = said.partition("=")
    if key == NO_NEW_PRIVILEGES:
        if not is_no_new_privileges(said):
            judge.refuse("new-privileges", field, value, f"{shown(said)} lets setuid programs gain privileges")
        return
    granted = {*judge.grants.security_opt, *map(normal, judge.grants.security_opt)}
    if said not in _HARMLESS_OPTIONS and not {said, key}.intersection(granted):
        what = f"{key}=(a profile)" if content.startswith("{") else shown(said)
        judge.refuse("security-opt", field, what, f"{what} may weaken what confines it")


def normal(option: str) -> str:
    """With ``=`` between key and value, which the engine takes for ``:`` as well."""
    for position, letter in enumerate(option):
        if letter == "=":
            return option
        if letter == ":":
            return f"{option[:position]}={option[position + 1 :]}"
    return option


def is_no_new_privileges(option: str) -> bool:
    key, _, content = normal(option).partition("=")
    return key == NO_NEW_PRIVILEGES and (content in _TRUE or normal(option) == NO_NEW_PRIVILEGES)


def require_no_new_privileges(judge: Judge, field: str, value: Any) -> None:
    options = [reading.text(one) for _, one in reading.items(value)]
    if not any(map(is_no_new_privileges, options)) and not any(
        normal(one).partition("=")[0] == NO_NEW_PRIVILEGES for one in options
    ):
        judge.refuse("new-privileges", field, "", f"{NO_NEW_PRIVILEGES} is missing")


def paths_laid_open(judge: Judge, field: str, _: Any) -> None:
    """Any list, an empty one too, takes the place of the engine's own."""
    if "systempaths=unconfined" not in map(normal, judge.grants.security_opt):
        judge.refuse("security-opt", field, "systempaths=unconfined", "paths of the kernel are laid open")


def sysctls(judge: Judge, field: str, value: Any) -> None:
    for name in reading.entries(value):
        if not _SYSCTL.fullmatch(name) and name not in judge.grants.sysctls:
            judge.refuse("sysctl", field, name, f"{shown(name)} is not the container's own")


def orders(judge: Judge, field: str, value: Any) -> None:
    for name in reading.entries(value):
        if name.lower().startswith(_OBEYED):
            judge.refuse("annotation", field, name, f"{shown(name)} is an order to the runtime")
