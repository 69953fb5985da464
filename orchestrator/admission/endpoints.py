"""Every call that may change something: which there are, and who judges each. A call that no row knows is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from orchestrator.admission import builds, containers, images, networks, ownership, reading, volumes
from orchestrator.admission.judging import Judge, shown
from orchestrator.admission.reading import Unreadable
from orchestrator.engines.gate import BUILD, RUN, Request
from orchestrator.records import dataclass

_VERSION = re.compile(r"/v[0-9]+\.[0-9]+(?=/)")
_LOOKING = ("GET", "HEAD")
_OFF = ("", "0", "false", "False", "none")
Query = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Call:
    """A call taken apart: ``names`` are the parts of the path that a row leaves open."""

    names: tuple[str, ...]
    query: Query
    body: Any
    streamed: bool


Judged = Callable[[Judge, Call], None]


def judge_request(judge: Judge, request: Request) -> None:
    """Find what breaks a rule in a request as it will be sent."""
    try:
        _judge(judge, request)
    except Unreadable as problem:
        judge.refuse("unreadable", "", "", f"{request.method} {shown(request.path)}: {problem}")


def _judge(judge: Judge, request: Request) -> None:
    parts = _parts(request.path)
    if request.method in _LOOKING:
        if parts[-1:] == ["ws"]:
            judge.refuse("unknown-request", "", request.path, f"no rule knows {request.method} {shown(request.path)}")
        return
    for method, pattern, judged in _ROWS:
        names = _matched(pattern, parts)
        if method == request.method and names is not None:
            judged(judge, Call(names, _query(request.query), *_content(request.body)))
            return
    judge.refuse("unknown-request", "", request.path, f"no rule knows {request.method} {shown(request.path)}")


def _parts(path: str) -> list[str]:
    """The segments of a path without its version, decoded. One that could be cleaned into another is refused."""
    plain = _VERSION.sub("", path, count=1)
    parts = plain.split("/")
    if parts[0] != "" or any(part in ("", ".", "..") for part in parts[1:]) or "?" in plain or "#" in plain:
        raise Unreadable("its path is not plain")
    return [_decoded(part) for part in parts[1:]]


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None


def _matched(pattern: str, parts: list[str]) -> tuple[str, ...] | None:
    wanted = pattern.split("/")[1:]
    if len(wanted) != len(parts):
        return None
    if any(said not in ("*", part) for said, part in zip(wanted, parts, strict=True)):
        return None
    return tuple(part for said, part in zip(wanted, parts, strict=True) if said == "*")


def _query(text: str) -> Query:
    found: Query = {}
    for pair in text.removeprefix("?").split("&"):
        if pair:
            if ";" in pair:
                raise Unreadable("its query can be read in two ways")
            name, _, value = pair.partition("=")
            found.setdefault(_decoded(name.replace("+", " ")), []).append(_decoded(value.replace("+", " ")))
    return found


def _content(body: bytes | Iterable[bytes] | None) -> tuple[Any, bool]:
    """The body as JSON where it is that; archives stay as they are, and are not for those that read JSON."""
    if body is None:
        return None, False
    if not isinstance(body, (bytes, bytearray)) or body.lstrip()[:1] not in (b"{", b"["):
        return None, bool(not isinstance(body, (bytes, bytearray)) or body)
    return bytes(body), False


def _json(call: Call) -> Any:
    """The body's document. Raises Unreadable."""
    if call.streamed or call.body is None:
        raise Unreadable("it has no body of JSON")
    return reading.decode(call.body)


def _only(judge: Judge, call: Call, *known: str) -> None:
    for name, values in call.query.items():
        if name not in known and any(value not in _OFF for value in values):
            judge.refuse("unknown-field", name, ", ".join(values), f"no rule knows {shown(name)}")


def _no_body(call: Call) -> None:
    if call.streamed or (call.body is not None and reading.decode(call.body) not in ([], None)):
        raise Unreadable("it has a body")


def _create_container(judge: Judge, call: Call) -> None:
    _only(judge, call, "name", "platform")
    for name in call.query.get("name", ()):
        _free_name(judge, name)
    containers.create(judge, _json(call))


def _free_name(judge: Judge, name: str) -> None:
    taken = ownership.taken_from(name, judge.setting.stack, judge.setting.others)
    if taken:
        judge.refuse("foreign-container", "name", name, f"{shown(name)} is like a container of stack {taken}")


def _own(*known: str, body: bool = False) -> Judged:
    """A call about one container, which must be the stack's own."""

    def judged(judge: Judge, call: Call) -> None:
        _only(judge, call, *known)
        if not body:
            _no_body(call)
        _strictly_own(judge, "container", call.names[0])
        for name in call.query.get("name", ()):
            _free_name(judge, name)

    return judged


def _update(judge: Judge, call: Call) -> None:
    _only(judge, call)
    _strictly_own(judge, "container", call.names[0])
    containers.update(judge, _json(call))


def _exec(judge: Judge, call: Call) -> None:
    _only(judge, call)
    _strictly_own(judge, "container", call.names[0])
    containers.execution(judge, _json(call), call.names[0])


def _exec_start(judge: Judge, call: Call) -> None:
    _only(judge, call)
    judge.walk({"Detach": None, "Tty": None, "ConsoleSize": None}, _json(call))


def _resize(judge: Judge, call: Call) -> None:
    _only(judge, call, "h", "w")
    _no_body(call)


def _create_network(judge: Judge, call: Call) -> None:
    _only(judge, call)
    networks.create(judge, _json(call))


def _connect(judge: Judge, call: Call) -> None:
    _only(judge, call)
    ownership.network(judge, "", call.names[0])
    networks.connect(judge, _json(call))


def _disconnect(judge: Judge, call: Call) -> None:
    _only(judge, call)
    networks.disconnect(judge, _json(call))


def _remove_network(judge: Judge, call: Call) -> None:
    _only(judge, call)
    _no_body(call)
    _strictly_own(judge, "network", call.names[0])


def _strictly_own(judge: Judge, kind: str, name: str) -> None:
    """Only one's own is acted upon; a grant to use is none to change or remove."""
    owner = judge.world.owner(kind, name)
    if owner is not None and owner != judge.setting.stack:
        judge.refuse(
            f"foreign-{kind}", "", name, f"{kind} {shown(name)} belongs to {f'stack {owner}' if owner else 'no stack'}"
        )


def _create_volume(judge: Judge, call: Call) -> None:
    _only(judge, call)
    volumes.create_volume(judge, _json(call))


def _remove_volume(judge: Judge, call: Call) -> None:
    _only(judge, call)
    _no_body(call)
    _strictly_own(judge, "volume", call.names[0])


def _remove_container(judge: Judge, call: Call) -> None:
    _only(judge, call, "v", "force")
    _no_body(call)
    _strictly_own(judge, "container", call.names[0])


def _pull(judge: Judge, call: Call) -> None:
    _only(judge, call, "fromImage", "tag", "platform")
    _no_body(call)
    names, versions = call.query.get("fromImage", []), call.query.get("tag", [])
    if len(names) != 1 or len(versions) > 1:
        raise Unreadable("it does not name one image")
    version = versions[0] if versions else ""
    joint = "@" if version.startswith("sha256:") else ":"
    images.look(judge, "fromImage", names[0] + (joint + version if version else ""), pulled=True)


def _tag(judge: Judge, call: Call) -> None:
    _only(judge, call, "repo", "tag")
    _no_body(call)
    name = f"{call.query.get('repo', [''])[0]}:{call.query.get('tag', [''])[0]}"
    if len(call.query.get("repo", ())) != 1 or not images.is_kept_for(name, judge.setting.stack):
        judge.refuse(
            "foreign-image", "repo", name, f"{shown(name)} is not a name for an earlier revision of this stack"
        )


def _remove_image(judge: Judge, call: Call) -> None:
    _only(judge, call, "noprune")
    _no_body(call)
    name = call.names[0]
    if name.startswith(images.KEPT) and not images.is_kept_for(name, judge.setting.stack):
        judge.refuse("foreign-image", "", name, f"{shown(name)} is kept for another stack")


def _engine_build(judge: Judge, call: Call) -> None:
    builds.query(judge, dict(call.query))


def _described_build(judge: Judge, call: Call) -> None:
    builds.look(judge, _json(call))


def _program(judge: Judge, call: Call) -> None:
    judge.refuse("provider", "", call.names[0], f"the provider {shown(call.names[0])} is a program of the host")


_ROWS: tuple[tuple[str, str, Judged], ...] = (
    ("POST", "/containers/create", _create_container),
    ("POST", "/containers/*/start", _own()),
    ("POST", "/containers/*/stop", _own("t", "signal")),
    ("POST", "/containers/*/restart", _own("t", "signal")),
    ("POST", "/containers/*/kill", _own("signal")),
    ("POST", "/containers/*/pause", _own()),
    ("POST", "/containers/*/unpause", _own()),
    ("POST", "/containers/*/rename", _own("name")),
    ("POST", "/containers/*/wait", _own("condition")),
    ("POST", "/containers/*/attach", _own("stream", "logs", "stdin", "stdout", "stderr", "detachKeys")),
    ("POST", "/containers/*/resize", _own("h", "w")),
    ("POST", "/containers/*/update", _update),
    ("POST", "/containers/*/exec", _exec),
    ("PUT", "/containers/*/archive", _own("path", "noOverwriteDirNonDir", "copyUIDGID", body=True)),
    ("DELETE", "/containers/*", _remove_container),
    ("POST", "/exec/*/start", _exec_start),
    ("POST", "/exec/*/resize", _resize),
    ("POST", "/networks/create", _create_network),
    ("POST", "/networks/*/connect", _connect),
    ("POST", "/networks/*/disconnect", _disconnect),
    ("DELETE", "/networks/*", _remove_network),
    ("POST", "/volumes/create", _create_volume),
    ("DELETE", "/volumes/*", _remove_volume),
    ("POST", "/images/create", _pull),
    ("POST", "/images/*/tag", _tag),
    ("DELETE", "/images/*", _remove_image),
    ("POST", "/build", _engine_build),
    (BUILD, "/build", _described_build),
    (RUN, "/*", _program),
)
