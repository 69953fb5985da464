"""The final form of every field: one way to say each thing, whatever way the user chose.

Durations become ``1m30s``, sizes a number of bytes, commands a list of words, labels and environment a mapping, and what only
repeats the default (``tty: false``, an empty list) is left out, so that the model equals what Compose prints. ``SHAPES``
says it field by field; a value that fits no form raises ``FormProblem`` with the place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.errors import SpecError, Where
from orchestrator.spec import casts, gotext, quantities, shellwords
from orchestrator.spec.document import Map, Seq, where

Form = Callable[[Any], Any]
OMIT: Any = object()


class FormProblem(SpecError):
    """A value that is not what its field holds: a duration that is none, a size that is none."""

    reference = "wrong-value"


class _Bad(ValueError):
    """A value without a form, with the path that leads to it from where it is caught."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path: list[str | int] = []


def final(model: Map) -> Map:
    """``model`` with every field in its final form."""
    try:
        result = PROJECT(model)
    except _Bad as bad:
        raise FormProblem(str(bad), where=where(model, bad.path)) from None
    assert isinstance(result, Map)
    return result


# Single values


def text(value: Any) -> Any:
    return gotext.text(value) or OMIT


def _read(cast: Callable[[str], Any], value: Any) -> Any:
    return cast(value) if type(value) is str else value


def whole(value: Any) -> Any:
    return _whole(value) or OMIT


def given_whole(value: Any) -> Any:
    return OMIT if value is None else _whole(value)


def _whole(value: Any) -> int:
    number = _read(casts.whole, value)
    if number is None:
        return 0
    if not isinstance(number, (int, float)) or number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


def single(value: Any) -> Any:
    """A number of single precision, as Compose keeps cpus and ratios."""
    number = _read(casts.number, value)
    if number is None or number == 0:
        return OMIT
    if not isinstance(number, (int, float)):
        raise ValueError(f"{value!r} is not a number")
    return gotext.single(float(number))


def flag(value: Any) -> Any:
    return _read(casts.boolean, value) or OMIT


def given_flag(value: Any) -> Any:
    return OMIT if value is None else _read(casts.boolean, value)


def size(value: Any) -> Any:
    number = _read(quantities.size, value)
    if number is None or number == 0 or not isinstance(number, (int, float)):
        return OMIT
    return str(int(number))


def duration(value: Any) -> Any:
    """A duration that is left out when it is zero."""
    return OMIT if value is None or _nanoseconds(value) == 0 else given_duration(value)


def given_duration(value: Any) -> Any:
    return OMIT if value is None else quantities.duration_text(_nanoseconds(value))


def _nanoseconds(value: Any) -> int:
    return quantities.duration(gotext.text(value))


def count(value: Any) -> Any:
    """How many devices: a number, or -1 for all of them."""
    if type(value) is str:
        return -1 if value.lower() == "all" else casts.whole(value) or OMIT
    return value or OMIT


def mode(value: Any) -> Any:
    """A file mode in octal digits."""
    if value is None:
        return OMIT
    if type(value) is str:
        if not value or set(value) - set("01234567"):
            raise ValueError(f"{value!r} is not a file mode; write it like 0440")
        value = int(value, 8)
    return f"0{int(value):o}"


def command(value: Any) -> Any:
    """A list of words; an empty one is kept, because it clears the image's own."""
    if value is None:
        return OMIT
    words = shellwords.split(value) if type(value) is str else [_word(item) for item in value]
    return Seq(words, getattr(value, "mark", Map().mark), getattr(value, "items_at", ()))


def _word(item: Any) -> str:
    if type(item) is not str:
        raise ValueError(f"{gotext.text(item)!r} in a command is not text; quote it")
    return item


def health_test(value: Any) -> Any:
    if value is None:
        return OMIT
    if type(value) is str:
        return Seq(["CMD-SHELL", value])
    return Seq([_word(item) for item in value], value.mark, value.items_at) if value else OMIT


# Lists


def texts(value: Any) -> Any:
    """A list of texts, from a list or from one text."""
    if value is None or value == []:
        return OMIT
    if isinstance(value, Seq):
        return Seq([gotext.text(item) for item in value], value.mark, value.items_at)
    return Seq([gotext.text(value)])


def listed(form: Form) -> Form:
    def read(value: Any) -> Any:
        if not isinstance(value, Seq):
            return OMIT if value is None else value
        out = Seq(mark=value.mark)
        for index, item in enumerate(value):
            try:
                final_item = form(item)
            except ValueError as problem:
                raise _located(problem, index) from None
            if final_item is not OMIT:
                out.add(final_item, value.mark_of(index))
        return out or OMIT

    return read


# Mappings


def pairs(empty: str | None, *, keep_empty: bool = False) -> Form:
    """A mapping of texts, from a mapping or from ``key=value`` items; a key without a value gets ``empty``."""

    def read(value: Any) -> Any:
        if not isinstance(value, (Map, Seq)):
            return OMIT if value is None else value
        out = Map(mark=value.mark)
        if isinstance(value, Map):
            for key, item in value.items():
                out.take(key, value, item)
                out[key] = empty if item is None else gotext.text(item)
        else:
            for index, item in enumerate(value):
                _pair(out, gotext.text(item), value.mark_of(index), empty)
        return out if out or keep_empty else OMIT

    return read


def _pair(out: Map, item: str, mark: Any, empty: str | None) -> None:
    key, separator, value = item.partition("=")
    if separator and key and key[-1].isspace():
        raise ValueError(f"the variable name {key!r} ends with a space")
    out.put(key, value if separator else empty, mark, mark)


mapping = pairs("")
environment = pairs(None)


def several(value: Any) -> Any:
    """Options that may be given several times: each becomes a list."""
    if not isinstance(value, Map):
        return OMIT
    out = Map(mark=value.mark)
    for key, item in value.items():
        out.take(key, value, Seq([gotext.text(each) for each in (item if isinstance(item, Seq) else [item])]))
    return out or OMIT


def hosts(value: Any) -> Any:
    """``name=address`` items in order."""
    if value is None:
        return OMIT
    found: dict[str, list[str]] = {}
    if isinstance(value, Map):
        for name, item in value.items():
            found[name] = [gotext.text(each) for each in (item if isinstance(item, Seq) else [item])]
    else:
        for item in value if isinstance(value, Seq) else [value]:
            name, address = _host(gotext.text(item))
            found.setdefault(name, []).extend(address.split(","))
    lines = sorted(f"{_host_name(name)}={_unwrapped(each)}" for name, each_of in found.items() for each in each_of)
    return Seq(lines, value.mark) if lines else OMIT


def _host(item: str) -> tuple[str, str]:
    for separator in "=:":
        name, found, address = item.partition(separator)
        if found:
            return name, address
    raise ValueError(f"the host {item!r} has no address; write it like name=10.0.0.1")


def _host_name(name: str) -> str:
    if not name or ":" in name or "=" in name:
        raise ValueError(f"{name!r} is not a host name")
    return name


def _unwrapped(address: str) -> str:
    return address[1:-1] if len(address) > 2 and address[0] == "[" and address[-1] == "]" else address


def keyed(form: Form, *, keep_null: bool = False) -> Form:
    """A mapping from names of the user's choosing to values of one form."""

    def read(value: Any) -> Any:
        if not isinstance(value, Map):
            return OMIT
        out = Map(mark=value.mark)
        for key, item in value.items():
            if item is None and keep_null:
                out.take(key, value)
                out[key] = None
                continue
            try:
                final_item = form(Map(mark=value.mark_of(key)) if item is None else item)
            except ValueError as problem:
                raise _located(problem, key) from None
            if final_item is not OMIT:
                out.put(key, final_item, value.keys_at.get(key, value.mark), value.mark_of(key))
        return out or OMIT

    return read


def struct(fields: Mapping[str, Form], *, omit_empty: bool = False) -> Form:
    """A mapping of known fields. Keys without a form (``x-*``) stay as they are."""

    def read(value: Any) -> Any:
        if not isinstance(value, Map):
            return OMIT if value is None else value
        out = Map(mark=value.mark)
        for key, item in value.items():
            form = fields.get(key)
            if form is not None:
                try:
                    item = form(item)
                except ValueError as problem:
                    raise _located(problem, key) from None
                if item is OMIT:
                    continue
            out.put(key, item, value.keys_at.get(key, value.mark), value.values_at.get(key, value.mark))
        return OMIT if omit_empty and not out else out

    return read


def _located(problem: ValueError, part: str | int) -> _Bad:
    bad = problem if isinstance(problem, _Bad) else _Bad(str(problem))
    bad.path.insert(0, part)
    return bad


def ssh_keys(value: Any) -> Any:
    """Agents and keys as ``name`` or ``name: path``, in the order of their names."""
    if not isinstance(value, Map):
        return OMIT if value is None else value
    lines = [name if not path else f"{name}: {gotext.text(path)}" for name, path in sorted(value.items())]
    return Seq(lines, value.mark) if lines else OMIT


def _rows(rows: Mapping[Form, str]) -> dict[str, Form]:
    return {name: form for form, names in rows.items() for name in names.split()}


# The shapes, field by field


def ulimit(value: Any) -> Any:
    if isinstance(value, Map):
        limits = Map(mark=value.mark)
        for key in ("soft", "hard"):
            limits.put(key, _whole(value.get(key)), value.mark_of(key), value.mark_of(key))
        return limits
    number = _whole(value)
    return number or Map((("soft", 0), ("hard", 0)))


def _required_last(form: Form) -> Form:
    """A dependency says whether it is required, always."""

    def read(value: Any) -> Any:
        out = form(value)
        if isinstance(out, Map) and "required" not in out:
            out.put("required", False, out.mark, out.mark)
        return out

    return read


HOOK = struct(
    {
        **_rows({text: "image user working_dir", flag: "privileged per_replica"}),
        "command": command,
        "environment": environment,
    }
)
FILE_MOUNT = struct({**_rows({text: "source target uid gid"}), "mode": mode})
DEVICE_REQUEST = struct(
    {**_rows({texts: "capabilities device_ids", text: "driver"}), "count": count, "options": mapping}
)
RESOURCE = struct(
    {
        "cpus": single,
        "memory": size,
        "pids": whole,
        "devices": listed(DEVICE_REQUEST),
        "generic_resources": listed(struct({"discrete_resource_spec": struct({"kind": text, "value": given_whole})})),
    }
)
UPDATE = struct(
    {
        "parallelism": given_whole,
        **_rows({duration: "delay monitor", text: "failure_action order"}),
        "max_failure_ratio": single,
    }
)
DEPLOY = struct(
    {
        **_rows(
            {
                text: "mode endpoint_mode",
                mapping: "labels",
                given_whole: "replicas",
                UPDATE: "update_config rollback_config",
            }
        ),
        "resources": struct({"limits": RESOURCE, "reservations": RESOURCE}, omit_empty=True),
        "restart_policy": struct(
            {"condition": text, "delay": given_duration, "max_attempts": given_whole, "window": given_duration}
        ),
        "placement": struct(
            {"constraints": texts, "preferences": listed(struct({"spread": text})), "max_replicas_per_node": whole},
            omit_empty=True,
        ),
    }
)
_PORT = struct({**_rows({text: "name mode host_ip published protocol app_protocol"}), "target": whole})
VOLUME_MOUNT = struct(
    {
        **_rows({text: "type source target consistency", flag: "read_only"}),
        "bind": struct(_rows({text: "selinux propagation recursive", flag: "create_host_path"})),
        "volume": struct({"labels": mapping, "nocopy": flag, "subpath": text}),
        "tmpfs": struct({"size": size, "mode": whole}),
        "image": struct({"subpath": text}),
    }
)
BUILD = struct(
    {
        **_rows(
            {
                text: "context dockerfile dockerfile_inline isolation network provenance sbom target",
                texts: "cache_from cache_to entitlements no_cache_filter platforms tags",
                flag: "no_cache privileged pull",
                mapping: "additional_contexts labels",
            }
        ),
        "args": environment,
        "ssh": ssh_keys,
        "extra_hosts": hosts,
        "secrets": listed(FILE_MOUNT),
        "shm_size": size,
        "ulimits": keyed(ulimit),
    }
)
_WEIGHT = struct({"path": text, "weight": given_whole})
_RATE = struct({"path": text, "rate": size})
BLKIO = struct(
    {
        "weight": whole,
        "weight_device": listed(_WEIGHT),
        **{
            name: listed(_RATE)
            for name in ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops")
        },
    }
)
TRIGGER = struct({**_rows({text: "target", texts: "include ignore", flag: "initial_sync"}), "exec": HOOK})
SERVICE_NETWORK = struct(
    {
        **_rows(
            {
                texts: "aliases link_local_ips",
                text: "interface_name ipv4_address ipv6_address mac_address",
                whole: "gw_priority priority",
            }
        ),
        "driver_opts": mapping,
    }
)
SERVICE = struct(
    {
        **_rows(
            {
                text: (
                    "cgroup_parent cgroup cpuset container_name domainname hostname image ipc isolation mac_address "
                    "network_mode pid platform pull_policy restart runtime stop_signal user userns_mode uts working_dir"
                ),
                texts: (
                    "profiles cap_add cap_drop device_cgroup_rules dns dns_opt dns_search expose external_links group_add "
                    "label_file links security_opt tmpfs volumes_from"
                ),
                whole: (
                    "cpu_count cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares oom_score_adj pids_limit"
                ),
                single: "cpu_percent cpus",
                size: "mem_limit mem_reservation memswap_limit mem_swappiness shm_size",
                flag: "oom_kill_disable privileged read_only stdin_open tty use_api_socket",
                given_flag: "attach init",
                given_whole: "scale",
                given_duration: "stop_grace_period",
                mapping: "annotations labels storage_opt sysctls",
                command: "command entrypoint",
            }
        ),
        "environment": environment,
        "extra_hosts": hosts,
        "build": BUILD,
        "deploy": DEPLOY,
        "blkio_config": BLKIO,
        "configs": listed(FILE_MOUNT),
        "secrets": listed(FILE_MOUNT),
        "credential_spec": struct(_rows({text: "config file registry"})),
        "depends_on": keyed(_required_last(struct({"condition": text, "restart": flag, "required": given_flag}))),
        "develop": struct({"watch": listed(TRIGGER)}),
        "devices": listed(struct(_rows({text: "source target permissions"}))),
        "gpus": listed(DEVICE_REQUEST),
        "healthcheck": struct(
            {
                "test": health_test,
                **_rows({given_duration: "timeout interval start_period start_interval"}),
                "retries": given_whole,
                "disable": flag,
            }
        ),
        "logging": struct({"driver": text, "options": mapping}),
        "models": keyed(struct(_rows({text: "endpoint_var model_var"})), keep_null=True),
        "networks": keyed(SERVICE_NETWORK, keep_null=True),
        "ports": listed(_PORT),
        "provider": struct({"type": text, "options": several}),
        "ulimits": keyed(ulimit),
        "volumes": listed(VOLUME_MOUNT),
        **{name: listed(HOOK) for name in ("pre_start", "post_start", "pre_stop")},
    }
)
_POOL = struct({**_rows({text: "subnet gateway ip_range"}), "aux_addresses": mapping})
NETWORK = struct(
    {
        **_rows(
            {
                text: "name driver",
                mapping: "driver_opts labels",
                flag: "external internal attachable",
                given_flag: "enable_ipv4 enable_ipv6",
            }
        ),
        "ipam": struct({"driver": text, "config": listed(_POOL), "options": mapping}, omit_empty=True),
    }
)
VOLUME = struct(_rows({text: "name driver", mapping: "driver_opts labels", flag: "external"}))
FILE_OBJECT = struct(
    _rows(
        {text: "name file environment content driver template_driver", mapping: "labels driver_opts", flag: "external"}
    )
)
MODEL = struct({**_rows({text: "name model"}), "context_size": whole, "runtime_flags": texts})
PROJECT = struct(
    {
        "services": keyed(SERVICE),
        "networks": keyed(NETWORK),
        "volumes": keyed(VOLUME),
        "configs": keyed(FILE_OBJECT),
        "secrets": keyed(FILE_OBJECT),
        "models": keyed(MODEL),
    }
)
