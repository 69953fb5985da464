"""A container as it is to be made or changed: every field of the engine's request, and who looks at it."""

from __future__ import annotations

from typing import Any

from orchestrator.admission import images, labels, networks, ownership, reading, resources, security, volumes
from orchestrator.admission.judging import Judge, Table, each, never, one_of, shown, table
from orchestrator.admission.mounts import binds, mounts, taken_volumes, writable_copies
from orchestrator.admission.ports import look as look_at_port
from orchestrator.admission.reading import Unreadable

CONTAINER = "container:"
LOG_DRIVERS = ("json-file", "local", "journald", "none")
_LOG_PATHS = ("path", "file")


def create(judge: Judge, body: Any) -> None:
    """The body of a create call."""
    judge.walk(CONFIG, body)
    found = reading.fields(body)
    given, host = found.get("labels"), found.get("hostconfig")
    judge.look(labels.require_own, "Labels", given)
    judge.look(security.require_no_new_privileges, "HostConfig.SecurityOpt", reading.fields(host).get("securityopt"))
    if reading.entries(given).get("com.docker.compose.hook") != "files":
        judge.look(writable_copies, "HostConfig", host)


def update(judge: Judge, body: Any) -> None:
    """The body of an update call."""
    judge.walk(UPDATE, body)


def _image(judge: Judge, field: str, value: Any) -> None:
    images.look(judge, field, reading.text(value))


def _namespace(harmless: tuple[str, ...], *, shared: bool = False) -> Any:
    def look(judge: Judge, field: str, value: Any) -> None:
        said = reading.text(value)
        if said in harmless:
            return
        if shared and said.startswith(CONTAINER):
            ownership.container(judge, field, said.removeprefix(CONTAINER))
            return
        judge.refuse("host-namespace", field, said, f"{shown(said)} is not a namespace of the container's own")

    return look


def _network_mode(judge: Judge, field: str, value: Any) -> None:
    said = reading.text(value)
    if said.startswith(CONTAINER):
        ownership.container(judge, field, said.removeprefix(CONTAINER))
    elif said not in ("default", "bridge", "none"):
        ownership.network(judge, field, said)


def _port_bindings(judge: Judge, field: str, value: Any) -> None:
    for key, bindings in reading.entries(value).items():
        protocol = key.partition("/")[2] or "tcp"
        for index, binding in reading.items(bindings):
            known = reading.fields(binding)
            unknown = {name for name, said in known.items() if said} - {"hostip", "hostport"}
            if unknown:
                judge.refuse("unknown-field", f"{field}[{index}]", ", ".join(unknown), "no rule knows this field")
            address, published = reading.text(known.get("hostip")), reading.text(known.get("hostport"))
            look_at_port(judge, field, address, published, protocol)


def _volumes_from(judge: Judge, field: str, value: Any) -> None:
    ownership.container(judge, field, reading.text(value).partition(":")[0])


def _log(judge: Judge, field: str, value: Any) -> None:
    found = reading.fields(value)
    unknown = {name for name, said in found.items() if said} - {"type", "config"}
    if unknown:
        judge.refuse("unknown-field", field, ", ".join(unknown), "no rule knows this field")
    driver = reading.text(found.get("type"))
    if driver and driver not in LOG_DRIVERS and driver not in judge.grants.log_drivers:
        judge.refuse("log-driver", f"{field}.Type", driver, f"the log driver {shown(driver)} sends elsewhere")
    for name in reading.entries(found.get("config")):
        if any(part in name.lower() for part in _LOG_PATHS) and name != "max-file" and driver in LOG_DRIVERS:
            judge.refuse("log-driver", f"{field}.Config", name, f"the option {shown(name)} names a place of the host")


def _oom_score(judge: Judge, field: str, value: Any) -> None:
    if reading.number(value) < 0:
        judge.refuse("oom", field, value, f"a score of {value} spares it at the cost of others")


def _endpoints(judge: Judge, field: str, value: Any) -> None:
    for name, endpoint in reading.entries(value).items():
        # The engine takes a container's own mode as a name here where it has an address to remember.
        if name not in ("default", "bridge", "none"):
            ownership.network(judge, field, name)
        judge.walk(networks.ENDPOINT, endpoint, f"{field}.{name}")


HOST: Table = {
    **resources.LIMITS,
    "Binds": each(binds),
    "Mounts": each(mounts),
    "Tmpfs": None,
    "VolumesFrom": each(_volumes_from),
    "VolumeDriver": volumes.volume_driver,
    "NetworkMode": _network_mode,
    "PortBindings": _port_bindings,
    "Links": each(ownership.link),
    "ExtraHosts": None,
    "Dns": None,
    "DnsOptions": None,
    "DnsSearch": None,
    "RestartPolicy": None,
    "AutoRemove": None,
    "CapAdd": each(security.capability),
    "CapDrop": None,
    "GroupAdd": None,
    "IpcMode": _namespace(("none", "private", "shareable"), shared=True),
    "PidMode": _namespace((), shared=True),
    "UTSMode": _namespace(()),
    "UsernsMode": _namespace(()),
    "CgroupnsMode": _namespace(("private",)),
    "CgroupParent": never("cgroup-parent", "a place of one's own among the host's cgroups"),
    "Privileged": never("privileged", "a privileged container is root on the host"),
    "ReadonlyRootfs": None,
    "SecurityOpt": each(security.option),
    "MaskedPaths": security.paths_laid_open,
    "ReadonlyPaths": security.paths_laid_open,
    "Runtime": one_of("runtime", "the runtime {}", ("runc",), "runtimes"),
    "Isolation": one_of("runtime", "the isolation {}", ("default",)),
    "Sysctls": security.sysctls,
    "OomScoreAdj": _oom_score,
    "ShmSize": None,
    "StorageOpt": None,
    "LogConfig": _log,
    "Annotations": security.orders,
    "Init": None,
    "ConsoleSize": None,
}
SPEAKING = frozenset(("MaskedPaths", "ReadonlyPaths"))


def _host(judge: Judge, field: str, value: Any) -> None:
    judge.walk(HOST, value, field, speaking=SPEAKING)


CONFIG: Table = {
    "Hostname": None,
    "Domainname": None,
    "User": None,
    "AttachStdin": None,
    "AttachStdout": None,
    "AttachStderr": None,
    "ExposedPorts": None,
    "Tty": None,
    "OpenStdin": None,
    "StdinOnce": None,
    "Env": None,
    "Cmd": None,
    "Entrypoint": None,
    "Healthcheck": None,
    "Image": _image,
    "Volumes": taken_volumes,
    "WorkingDir": None,
    "NetworkDisabled": None,
    "MacAddress": None,
    "Labels": labels.look,
    "StopSignal": None,
    "StopTimeout": None,
    "Shell": None,
    "HostConfig": _host,
    "NetworkingConfig": table({"EndpointsConfig": _endpoints}),
}

UPDATE: Table = {**resources.LIMITS, "RestartPolicy": None}


def exec_user(judge: Judge, user: str, container: str) -> None:
    """A hook may be root only beside a container that the spec itself makes root."""
    if is_root(user) and not is_root(judge.world.user(container)):
        judge.refuse("hook-user", "User", user, f"the hook runs as {shown(user)}, its service does not")


def is_root(user: str) -> bool:
    """Whether a user as the engine takes it (``NAME[:GROUP]``) is root; a name with an id of 0 otherwise cannot be known."""
    name = user.partition(":")[0].strip()
    return name == "root" or (name.isdigit() and int(name) == 0)


def execution(judge: Judge, body: Any, container: str) -> None:
    """The body of an exec call."""
    judge.walk(EXEC, body)
    try:
        exec_user(judge, reading.text(reading.fields(body).get("user")), container)
    except Unreadable as problem:
        judge.refuse("unreadable", "User", "", str(problem))


EXEC: Table = {
    "AttachStdin": None,
    "AttachStdout": None,
    "AttachStderr": None,
    "ConsoleSize": None,
    "DetachKeys": None,
    "Tty": None,
    "Env": None,
    "Cmd": None,
    "User": None,
    "WorkingDir": None,
    "Privileged": never("privileged", "a privileged command has the host's devices and capabilities"),
}
