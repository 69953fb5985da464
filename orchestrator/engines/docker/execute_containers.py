"""Actions on a container that exists: start, stop, restart, kill, pause, rename, update, remove.

Each is done when the engine already has it so. A refusal comes back as an error that says which container, why,
and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import changes, ports, translate_resources
from orchestrator.engines.docker.access import Access
from orchestrator.engines.docker.readback_mounts import is_anonymous
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import Conflict, EngineError, Interrupted, NotFound
from orchestrator.model import actions
from orchestrator.model.actions import ContainerRef

DEFAULT_GRACE = 10.0  # the engine's own, for containers that do not say
BEYOND_GRACE = 10.0  # what the engine gets on top, to kill and to tidy up
REMOVAL_SECONDS = 60.0
START_SECONDS = 120.0
RANGE_ATTEMPTS = 3


def start(access: Access, action: actions.StartContainer) -> str:
    name = action.container.name
    for attempt in range(1, RANGE_ATTEMPTS + 1):
        try:
            access.client.request("POST", _path(action.container, "start"), timeout=START_SECONDS)
            return ""
        except NotFound as problem:
            raise _explained_not_found(name, problem) from problem
        except EngineError as problem:
            taken = ports.taken(problem.message)
            if taken is None:
                raise _cannot(f'container "{name}" cannot be started', problem) from problem
            # Two starts at once may pick the same port of a range; the next attempt picks another.
            if attempt == RANGE_ATTEMPTS or not ports.publishes_range(access.inspect(action.container)):
                raise ports.explain(access, action.container, taken) from problem
    return ""


def _explained_not_found(name: str, problem: NotFound) -> EngineError:
    """A missing container and a missing network are both 404."""
    if "no such container" in problem.message.lower():
        return problem
    return _cannot(f'container "{name}" cannot be started', problem)


def stop(access: Access, action: actions.StopContainer) -> str:
    try:
        grace = _grace(access, action.container, action.timeout)
        query = {"t": _whole(action.timeout)}
        access.client.request("POST", _path(action.container, "stop"), query, timeout=_deadline(grace))
    except NotFound:
        pass  # nothing runs: that was the wish
    return ""


def restart(access: Access, action: actions.RestartContainer) -> str:
    grace = _grace(access, action.container, action.timeout)
    query = {"t": _whole(action.timeout)}
    deadline = _deadline(grace)
    limit = None if deadline is None else deadline + START_SECONDS
    try:
        access.client.request("POST", _path(action.container, "restart"), query, timeout=limit)
    except NotFound as problem:
        raise _explained_not_found(action.container.name, problem) from problem
    except EngineError as problem:
        taken = ports.taken(problem.message)
        if taken is not None:
            raise ports.explain(access, action.container, taken) from problem
        raise _cannot(f'container "{action.container.name}" cannot be restarted', problem) from problem
    return ""


def _grace(access: Access, ref: ContainerRef, timeout: float | None) -> float:
    """Seconds the container gets to stop; negative for ever."""
    if timeout is not None:
        return timeout
    own = access.grace_seconds(ref)
    return DEFAULT_GRACE if own is None else own


def _deadline(grace: float) -> float | None:
    return None if grace < 0 else grace + BEYOND_GRACE


def _whole(timeout: float | None) -> int | None:
    return None if timeout is None else -int(-timeout // 1)


def kill(access: Access, action: actions.KillContainer) -> str:
    try:
        access.client.request("POST", _path(action.container, "kill"), {"signal": action.signal})
    except (NotFound, Conflict) as problem:
        if action.signal.upper().removeprefix("SIG") not in ("KILL", "9") or _runs(access, action.container):
            raise _cannot(f'container "{action.container.name}" cannot be sent {action.signal}', problem) from problem
    return ""


def pause(access: Access, action: actions.PauseContainer) -> str:
    return _switch_pause(access, action.container, "pause")


def unpause(access: Access, action: actions.UnpauseContainer) -> str:
    return _switch_pause(access, action.container, "unpause")


def _switch_pause(access: Access, ref: ContainerRef, word: str) -> str:
    try:
        access.client.request("POST", _path(ref, word))
    except NotFound:
        raise
    except EngineError as problem:
        if bool(_state(access, ref).get("Paused")) != (word == "pause"):
            raise _cannot(f'container "{ref.name}" cannot be {word}d', problem) from problem
    return ""


def rename(access: Access, action: actions.RenameContainer) -> str:
    try:
        access.client.request("POST", _path(action.container, "rename"), {"name": action.new_name})
    except NotFound:
        raise
    except EngineError as problem:
        own = access.inspect(action.container)
        if own["Name"].removeprefix("/") == action.new_name:
            return ""
        raise name_held(access, action.new_name, problem) from problem
    return ""


def name_held(access: Access, name: str, problem: EngineError) -> EngineError:
    """The error for a name that somebody else has."""
    try:
        holder = access.inspect(ContainerRef(name))
    except NotFound:
        return problem
    owner = ports.owner(holder["Config"].get("Labels") or {})
    return Conflict(
        f'the name "{name}" is held by container {holder["Id"][:12]}{owner}',
        hint=f"rename it (`docker rename {name} NEW`), remove it, or choose another container_name",
        reference="name-taken",
        status=409,
    )


def update(access: Access, action: actions.UpdateContainer) -> str:
    body = translate_resources.update(action.resources, action.restart)
    try:
        answer = access.client.post_json(_path(action.container, "update"), body=body)
    except NotFound:
        raise
    except EngineError as problem:
        raise _cannot(f'container "{action.container.name}" cannot be updated', problem) from problem
    return "; ".join(answer.get("Warnings") or ())


def remove(access: Access, action: actions.RemoveContainer, cancel: CancelToken) -> str:
    taken_over = _taken_over(access, action.container) if action.volumes else []
    said = _remove(access, action, cancel)
    for volume in taken_over:
        try:
            access.client.delete(f"/volumes/{volume}")
        except (NotFound, Conflict):
            pass  # gone with the container, or its successor's by now
    return said


def _taken_over(access: Access, ref: ContainerRef) -> list[str]:
    """Anonymous volumes that came from an earlier container: mounted by name, they count as named to the engine."""
    try:
        host = access.inspect(ref).get("HostConfig") or {}
    except NotFound:
        return []
    sources = (mount.get("Source") or "" for mount in host.get("Mounts") or () if mount["Type"] == "volume")
    return [source for source in sources if is_anonymous(source)]


def _remove(access: Access, action: actions.RemoveContainer, cancel: CancelToken) -> str:
    query = {"v": action.volumes, "force": action.force}
    try:
        access.client.delete(f"/containers/{quote(action.container.target)}", query, timeout=REMOVAL_SECONDS)
    except NotFound:
        return ""
    except EngineError as problem:
        if "already in progress" in problem.message:
            return _await_removal(access, action.container, cancel)
        if isinstance(problem, Conflict) and _state(access, action.container).get("Running"):
            raise Conflict(
                f'container "{action.container.name}" runs; it is not removed',
                hint="stop it first, or remove it by force",
                reference="container-running",
                status=409,
            ) from problem
        raise _cannot(f'container "{action.container.name}" cannot be removed', problem) from problem
    return ""


def _await_removal(access: Access, ref: ContainerRef, cancel: CancelToken) -> str:
    """Somebody else removes it already: done when it is gone."""

    def gone() -> bool | None:
        try:
            state = access.inspect(ref)["State"]
        except NotFound:
            return True
        # "Dead" is what remains when a removal failed halfway; only another removal helps.
        return False if state.get("Dead") and state.get("Status") == "dead" else None

    ended = changes.wait_until(access.subscription(), gone, _is_end, timeout=REMOVAL_SECONDS, cancel=cancel)
    if ended is None and cancel.is_set():
        raise Interrupted(signal_number=cancel.signal_number or 2)
    if ended is None:
        raise EngineError(
            f'container "{ref.name}" is still being removed after {REMOVAL_SECONDS:g} s',
            hint="the engine may be stuck; look at its log, then run the same command again",
            reference="removal-stuck",
        )
    if not ended:
        access.client.delete(f"/containers/{quote(ref.target)}", {"force": True}, timeout=REMOVAL_SECONDS)
    return ""


def _is_end(event: changes.EngineEvent) -> bool:
    return event.action == "destroy"


def _state(access: Access, ref: ContainerRef) -> Mapping[str, Any]:
    try:
        state: Mapping[str, Any] = access.inspect(ref)["State"]
    except NotFound:
        return {}
    return state


def _runs(access: Access, ref: ContainerRef) -> bool:
    return bool(_state(access, ref).get("Running"))


def _path(ref: ContainerRef, word: str) -> str:
    return f"/containers/{quote(ref.target)}/{word}"


def _cannot(what: str, problem: EngineError) -> EngineError:
    """The same kind of error, with what we wanted in front of the engine's words."""
    # Older engines let a create that was under way and one of ours both make a network: the next plan removes the twin.
    twins = "is ambiguous" in problem.message
    kind = Conflict if isinstance(problem, Conflict) or twins else EngineError
    if problem.retryable and not isinstance(problem, Conflict):
        return problem
    return kind(f"{what}: {problem.message}", hint=problem.hint, reference=problem.ref, status=problem.status)
