"""Front ends, driven through the engine alone: configuration by archive, reload by signal, proof from the log.

A running front end gets its configuration, then the signal; the old worker's own word that it takes no more connections is
waited for, and only then the configuration is marked as taken up. A kill anywhere in between leaves it unmarked, so that
the next run does it again. Never is the engine's socket given to a container.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import evidence, front_config, streams, tar_entries
from orchestrator.engines.docker.access import Access
from orchestrator.engines.docker.answers import Stream
from orchestrator.engines.docker.archive import PackedFile, pack
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import EngineError, Interrupted, NotFound
from orchestrator.model import actions
from orchestrator.model.actions import ContainerRef
from orchestrator.model.front import APPLIED, CONFIG, FOLDER, Rotation
from orchestrator.model.values import SECOND

RELOAD_SECONDS = 5.0
RELOAD_ATTEMPTS = 3
LARGEST = 1024 * 1024
SHORTEST_LOOK, LONGEST_LOOK = 0.05, 0.5
_STOPPED = f"Proxy {front_config.GENERATION} stopped".encode()
_REFUSED = b"Loading failure"
_LOADED = b"Loading success"


def configure(access: Access, action: actions.ConfigureFront, cancel: CancelToken) -> str:
    members = tuple(_id(access, ref) for ref in action.members)
    text = front_config.render(Rotation(action.front, members)).encode()
    if not access.inspect(action.container)["State"].get("Running"):
        _put(access, action.container, {CONFIG: text, APPLIED: _mark(text)})  # it reads it when it starts
        return ""
    _put(access, action.container, {CONFIG: text})
    _reload(access, action.container, cancel)
    _put(access, action.container, {APPLIED: _mark(text)})
    return ""


def _id(access: Access, ref: ContainerRef) -> str:
    return ref.id or str(access.inspect(ref)["Id"])


def _mark(text: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(text).hexdigest().encode()


def _put(access: Access, ref: ContainerRef, files: dict[str, bytes]) -> None:
    packed = pack(PackedFile(path, content) for path, content in files.items())
    access.client.put(f"/containers/{quote(ref.target)}/archive", {"path": "/"}, packed)


def _reload(access: Access, ref: ContainerRef, cancel: CancelToken) -> None:
    for _ in range(RELOAD_ATTEMPTS):
        if _is_taken_up(access, ref, cancel):
            return
    raise _not_up(access, ref, "did not take up its configuration")


def _is_taken_up(access: Access, ref: ContainerRef, cancel: CancelToken) -> bool:
    """Send the signal and listen to what it says; False where it is silent for too long or refuses."""
    query = {"follow": True, "tail": "0", "stdout": True, "stderr": True}
    with access.client.stream("GET", f"/containers/{quote(ref.target)}/logs", query) as stream:
        limit = threading.Timer(RELOAD_SECONDS, stream.close)
        limit.start()
        unsubscribe = cancel.subscribe(stream.close)
        try:
            access.client.request("POST", f"/containers/{quote(ref.target)}/kill", {"signal": "SIGUSR2"})
            awaited = {_STOPPED, _LOADED}  # in either order; until both are said an old worker may be the only one
            for line in _lines(stream):
                awaited = {words for words in awaited if words not in line}
                if not awaited:
                    return True
                if _REFUSED in line:
                    return False
        finally:
            limit.cancel()
            unsubscribe()
    if cancel.is_set():
        raise Interrupted(signal_number=cancel.signal_number or 2)
    return False


def until_up(access: Access, action: actions.AwaitFront, cancel: CancelToken) -> str:
    """Until it says that it has taken up its configuration; a container that ends says why in its log."""
    for _ in range(RELOAD_ATTEMPTS):
        container = access.inspect(action.container)
        started = container["State"].get("StartedAt")
        if container["State"].get("Running") and _says(access, action.container, started, cancel):
            return ""
        again = access.inspect(action.container)["State"]
        if again.get("Running") and again.get("StartedAt") == started:
            return ""  # silent and steady: another release with other words
        if cancel.wait(LONGEST_LOOK):
            raise Interrupted(signal_number=cancel.signal_number or 2)
    raise _not_up(access, action.container, "does not stay up")


def _says(access: Access, ref: ContainerRef, started: str, cancel: CancelToken) -> bool:
    """Whether it says so after its last start, before it ends and before long."""
    query = {"follow": True, "since": _seconds(started), "stdout": True, "stderr": True}
    with access.client.stream("GET", f"/containers/{quote(ref.target)}/logs", query) as stream:
        limit = threading.Timer(RELOAD_SECONDS, stream.close)
        limit.start()
        unsubscribe = cancel.subscribe(stream.close)
        try:
            return any(_LOADED in line for line in _lines(stream))
        finally:
            limit.cancel()
            unsubscribe()


def _seconds(moment: str) -> str:
    """The engine's moment as it wants it in queries: seconds since 1970 with all of its digits."""
    from datetime import datetime

    whole, _, fraction = moment.removesuffix("Z").partition(".")
    return f"{int(datetime.fromisoformat(whole + '+00:00').timestamp())}.{fraction.ljust(9, '0')}"


def _not_up(access: Access, ref: ContainerRef, why: str) -> EngineError:
    lines = evidence.tail(access.client, access.inspect(ref))
    message = evidence.told(f'front end "{ref.name}" {why}', [], lines)
    return EngineError(message, hint=f"see all of it: docker logs {ref.name}", reference="front-not-up")


def _lines(stream: Stream) -> Iterator[bytes]:
    frames, rest = streams.Demultiplexer(), b""
    for data in stream:
        for piece in frames.feed(data):
            *whole, rest = (rest + piece.content).split(b"\n")
            yield from whole


def drained(access: Access, action: actions.AwaitDrained, cancel: CancelToken) -> str:
    """Until no earlier worker is left, or the time is up."""
    deadline = time.monotonic() + action.timeout_ns / SECOND
    pause = SHORTEST_LOOK
    while _has_earlier_workers(access, action.container):
        left = deadline - time.monotonic()
        if left <= 0:
            return "connections from before were still open when the time was up"
        if cancel.wait(min(pause, left)):
            raise Interrupted(signal_number=cancel.signal_number or 2)
        pause = min(pause * 1.5, LONGEST_LOOK)
    return ""


def _has_earlier_workers(access: Access, ref: ContainerRef) -> bool:
    """Beside the master there is one worker; any other is an earlier one with connections to serve to their end."""
    try:
        found = access.client.get_json(f"/containers/{quote(ref.target)}/top")
    except EngineError as problem:
        if problem.retryable:
            raise
        return False  # it does not run, so it holds no connection
    return sum(any("haproxy" in word for word in process) for process in found.get("Processes") or ()) > 2


def read(client: Client, container_id: str) -> Rotation | None:
    """What a front end is set to, if it has taken it up and nobody has changed it since."""
    files: dict[str, bytes] = {}
    try:
        with client.stream("GET", f"/containers/{quote(container_id)}/archive", {"path": FOLDER}) as stream:
            for entry in tar_entries.read_entries(stream):
                if entry.kind is tar_entries.Kind.FILE and entry.size <= LARGEST:
                    files[f"{FOLDER}/{entry.name.rpartition('/')[2]}"] = b"".join(entry.pieces())
    except NotFound:
        return None
    text = files.get(CONFIG, b"")
    if files.get(APPLIED) != _mark(text):
        return None
    return front_config.read(text.decode("utf-8", "replace"))
