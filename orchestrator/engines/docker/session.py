"""A person (or a pipe) at a container: running a command in it, or attaching to what it runs.

File descriptors and a container go in; bytes flow both ways until one side ends, and the exit code comes out. On a
terminal keys go through as they are, its size follows the window, and the detach keys leave without stopping anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from orchestrator.cancel import CancelToken
from orchestrator.engines.console import Execution
from orchestrator.engines.docker import config, relay, terminal_modes
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.detach_keys import DEFAULT_DETACH_KEYS, DetachKeys
from orchestrator.engines.docker.relay import Wires
from orchestrator.errors import Conflict, EngineError, NotFound

__all__ = ["Wires", "attach", "execute"]

EXIT_CODE_SECONDS = 10.0


def execute(
    client: Client,
    wish: Execution,
    *,
    wires: Wires | None = None,
    detach_keys: str = "",
    cancel: CancelToken | None = None,
) -> int:
    """Run a command in a running container; its exit code (0 when only started, or left by the detach keys).

    ``cancel`` leaves the command to itself, as closing a terminal does; Interrupted is raised then.
    """
    keys = _detach_keys(client, detach_keys)
    identifier = client.post_json(f"/containers/{wish.container}/exec", None, _exec_body(wish))["Id"]
    if wish.detach:
        client.post_json(f"/exec/{identifier}/start", None, {"Detach": True, "Tty": wish.tty})
        return 0
    ends = wires or Wires()
    with terminal_modes.raw_input(ends.stdin if wish.tty and wish.stdin else None):
        duplex = client.hijack(f"/exec/{identifier}/start", None, {"Detach": False, "Tty": wish.tty})
        with (
            duplex,
            relay.Relay(
                duplex,
                ends if wish.stdin else ends.without_stdin(),
                tty=wish.tty,
                detach_keys=keys if wish.tty else None,
                resize=lambda rows, columns: _resize(client, f"/exec/{identifier}", rows, columns),
                cancel=cancel,
            ) as flow,
        ):
            if not flow.run():
                return 0
    return _exec_code(client, identifier)


def attach(
    client: Client,
    container: str,
    *,
    tty: bool,
    stdin: bool = True,
    wires: Wires | None = None,
    start: Callable[[], None] | None = None,
    until: str = "not-running",
    logs: bool = False,
    proxy_signals: bool = True,
    input_ends: bool = True,
    detach_keys: str = "",
    cancel: CancelToken | None = None,
) -> int | None:
    """Be at a container's own process; its exit code, None when left by the detach keys.

    ``start`` is called once nothing can be missed any more. ``until`` says what counts as the end: ``not-running``,
    ``next-exit`` (a container that is started now), or ``removed`` (one that the engine removes by itself). ``input_ends``
    False: the container's input stays open when ours has ended.
    """
    ends = wires or Wires()
    query = {"stream": True, "stdin": stdin, "stdout": True, "stderr": True, "logs": logs}
    keys = _detach_keys(client, detach_keys)
    with client.stream("POST", f"/containers/{container}/wait", {"condition": until}) as ending:
        with terminal_modes.raw_input(ends.stdin if tty and stdin else None):
            duplex = client.hijack(f"/containers/{container}/attach", query)
            with (
                duplex,
                relay.Relay(
                    duplex,
                    ends if stdin else ends.without_stdin(),
                    tty=tty,
                    detach_keys=keys if tty else None,
                    resize=lambda rows, columns: _resize(client, f"/containers/{container}", rows, columns),
                    signals=(lambda name: _kill(client, container, name)) if proxy_signals and not tty else None,
                    input_ends=input_ends,
                    cancel=cancel,
                ) as flow,
            ):
                if start is not None:
                    start()
                if not flow.run():
                    return None
        return _wait_code(ending.json())


def _exec_body(wish: Execution) -> Mapping[str, Any]:
    return {
        "AttachStdin": wish.stdin and not wish.detach,
        "AttachStdout": not wish.detach,
        "AttachStderr": not wish.detach,
        "Tty": wish.tty,
        "Cmd": list(wish.command),
        "Env": list(wish.environment),
        "User": wish.user,
        "WorkingDir": wish.working_dir,
        "Privileged": wish.privileged,
    }


def _exec_code(client: Client, identifier: str) -> int:
    """The engine closes the stream a moment before it notes the exit; it tells of that moment by no reliable event."""
    from time import sleep

    until = monotonic() + EXIT_CODE_SECONDS
    while True:
        state = client.get_json(f"/exec/{identifier}/json")
        if not state.get("Running") and state.get("ExitCode") is not None:
            return int(state["ExitCode"])
        if monotonic() > until:
            raise EngineError("the command's output has ended, but the engine still calls it running")
        sleep(0.005)


def _wait_code(answers: Any) -> int:
    for answer in answers:
        problem = (answer.get("Error") or {}).get("Message")
        if problem:
            raise EngineError(f"the engine could not say how the container ended: {problem}")
        return int(answer["StatusCode"])
    raise EngineError("the engine did not say how the container ended")


def _resize(client: Client, path: str, rows: int, columns: int) -> bool:
    """False while it is too early: the process is not there yet."""
    try:
        client.request("POST", f"{path}/resize", {"h": rows, "w": columns}, timeout=5)
    except EngineError:
        return False
    return True


def _kill(client: Client, container: str, signal_name: str) -> None:
    try:
        client.request("POST", f"/containers/{container}/kill", {"signal": signal_name})
    except (NotFound, Conflict):
        pass  # it has ended already


def _detach_keys(client: Client, explicit: str) -> DetachKeys:
    configured = config.load(client.environment).get("detachKeys")
    return DetachKeys.parse(explicit or (configured if isinstance(configured, str) else "") or DEFAULT_DETACH_KEYS)
