"""What stands under a service's `x-stack`: its probe, its front end, and whether it takes a container over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.model.probe import HttpProbe, Probe
from orchestrator.spec import values
from orchestrator.spec.build_container import count
from orchestrator.spec.hints import quoted
from orchestrator.spec.records import Row, attributes, rows, same
from orchestrator.spec.values import BadValue


def _port(value: Any) -> int:
    return values.whole(value, 1, 65535)


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise BadValue(f"{quoted(text)} is not a path", "begin it with a slash")
    return _plain(text)


def _plain(text: str) -> str:
    """Text that may stand in the head of a request."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise BadValue(f"{quoted(text)} cannot stand in a request", "letters, digits and signs alone, without spaces")
    return text


def _statuses(value: Any) -> tuple[tuple[int, int], ...]:
    """``200``, ``200-299``, or a list of such."""
    return tuple(_range(one) for one in (value if isinstance(value, list) else [value]))


def _range(value: Any) -> tuple[int, int]:
    first, dash, last = str(value).partition("-")
    try:
        begin = values.whole(first, 100, 599)
        end = values.whole(last, 100, 599) if dash else begin
    except BadValue:
        hint = "write a number such as 200, or a range: 200-299"
        raise BadValue(f"{quoted(str(value))} is not a status", hint) from None
    if end < begin:
        raise BadValue(f"{quoted(str(value))} ends before it begins", f"write {last}-{first}")
    return begin, end


def _image(node: Mapping[str, Any] | None) -> str:
    return str((node or {}).get("image") or "")


HTTP = {
    "port": Row("port", _port),
    "path": Row("path", _path),
    "host": Row("host", _plain),
    "status": Row("statuses", _statuses),
}
TCP = {"port": Row("port", _port)}
PROBE = {
    "http": Row("http", lambda node: HttpProbe(**attributes(node or {}, HTTP))),
    "tcp": Row("tcp", lambda node: attributes(node or {}, TCP)["port"]),
    "interval": Row("interval_ns", values.duration),
    "timeout": Row("timeout_ns", values.duration),
    "start_period": Row("start_period_ns", values.duration),
    "retries": Row("retries", count),
    **rows(same, "image"),
}
FRONT_END = rows(same, "image")


def probe(node: Mapping[str, Any]) -> Probe:
    if ("http" in node) == ("tcp" in node):
        raise BadValue("a probe has either `http` or `tcp`", "write `tcp: {port: 5432}`, or `http: {port: 8080}`")
    return Probe(**attributes(node, PROBE))


OWN = {"probe": Row("probe", probe), "front_end": Row("front_image", _image), **rows(same, "adopt")}


def own(node: Mapping[str, Any] | None, front_image: str) -> dict[str, Any]:
    """Attributes of the service; ``front_image`` is what the whole file says of front ends."""
    given = attributes(node or {}, OWN)
    image = given.pop("front_image", "") or front_image
    return given | ({"front_image": image} if image else {})
