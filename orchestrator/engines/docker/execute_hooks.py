"""Hooks: a command inside a running container (post_start, pre_stop), or a container of its own beside it
(pre_start)."""

from __future__ import annotations

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Progress
from orchestrator.engines.docker import evidence, execute_containers, execute_create, streams, waits
from orchestrator.engines.docker.access import Access
from orchestrator.engines.docker.labels import plain_name
from orchestrator.engines.docker.translate import assignments
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import EngineError, Interrupted, NotFound
from orchestrator.model import actions, naming
from orchestrator.model.actions import ContainerRef, HookKind, WaitFor
from orchestrator.model.container import Container
from orchestrator.model.stack import Hook
from orchestrator.model.values import Healthcheck, RestartPolicy
from orchestrator.records import replace

OUTPUT_LINES = 10
TOLD_LINES = 1000
OUTPUT_BYTES = 64 * 1024


def run(access: Access, action: actions.RunHook, progress: Progress, cancel: CancelToken) -> str:
    """What it prints is told line by line as its progress."""
    if action.kind is HookKind.PRE_START:
        return _beside(access, action, progress, cancel)
    return _inside(access, action, progress, cancel)


def _inside(access: Access, action: actions.RunHook, progress: Progress, cancel: CancelToken) -> str:
    """Run it in the container, with its output kept for the case that it fails."""
    made = access.client.post_json(f"/containers/{quote(action.container.target)}/exec", body=exec_body(action.hook))
    output = _output(access, made["Id"], progress, cancel)
    if cancel.is_set():
        raise Interrupted(signal_number=cancel.signal_number or 2)
    code = access.client.get_json(f"/exec/{made['Id']}/json").get("ExitCode")
    if code == 0:
        return ""
    raise EngineError(
        evidence.told(_failed(action, f"exited with status {code}"), [], output),
        hint=f"the command was: {' '.join(action.hook.command)}",
        reference="hook-failed",
    )


def _failed(action: actions.RunHook, how: str) -> str:
    """In Compose's words."""
    return f"{action.container.service or action.container.name} hook {how} ({action.kind.value} of {action.container.name})"


def exec_body(hook: Hook) -> dict[str, object]:
    """The engine's call for a hook inside a container."""
    body: dict[str, object] = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(hook.command)}
    optional = {
        "User": hook.user,
        "Privileged": hook.privileged,
        "WorkingDir": hook.working_dir,
        "Env": assignments(hook.environment),
    }
    return body | {key: value for key, value in optional.items() if value}


def _output(access: Access, exec_id: str, progress: Progress, cancel: CancelToken) -> list[str]:
    """The last lines of what it writes, until it ends or the user wants to stop."""
    reader, kept = streams.LineReader(tty=False), bytearray()
    body = {"Detach": False, "Tty": False}
    with access.client.stream("POST", f"/exec/{exec_id}/start", body=body) as stream:
        end = cancel.subscribe(stream.close)
        try:
            for data in stream:
                for line in reader.feed(data):
                    kept += line.content + b"\n"
                    _tell(progress, line.content)
                del kept[:-OUTPUT_BYTES]
            for line in reader.flush():
                kept += line.content
                _tell(progress, line.content)
        finally:
            end()
    return evidence.lines(bytes(kept), OUTPUT_LINES)


def _tell(progress: Progress, line: bytes) -> None:
    for one in line.decode(errors="replace").splitlines():
        progress(one, "", 0, 0)


def _beside(access: Access, action: actions.RunHook, progress: Progress, cancel: CancelToken) -> str:
    """Run it in a container of its own, which goes when it succeeded and stays for a look when it failed."""
    ref = ContainerRef(f"{plain_name(action.container.name)}.{action.kind.value}", service=action.container.service)
    _remove_leftover(access, ref)
    execute_create.create(access, creation(action, ref))
    execute_containers.start(access, actions.StartContainer(container=ref))
    wait = actions.AwaitContainer(container=ref, condition=WaitFor.COMPLETED)
    try:
        waits.wait(access, wait, cancel)
    except Interrupted:
        _remove(access, ref)
        raise
    except EngineError as problem:
        message = f"{_named(access, action, ref)}: {problem.message.removeprefix(waits.DEPENDENCY)}"
        hint = f"container {ref.name} is kept until the next run; the command was: {' '.join(action.hook.command)}"
        raise EngineError(message, hint=hint, reference="hook-failed") from problem
    finally:
        _tell_log(access, ref, progress)
    _remove(access, ref)
    return ""


def _named(access: Access, action: actions.RunHook, ref: ContainerRef) -> str:
    """Which hook failed and how, in Compose's words."""
    name = f'service "{action.container.service}" {action.kind.value}[{action.position}]'
    try:
        state = access.inspect(ref)["State"]
    except NotFound:
        return f"{name} failed"
    code = state.get("ExitCode") or 0
    return f"{name} exited with code {code}" if state.get("Status") == "exited" and code else f"{name} failed"


def _tell_log(access: Access, ref: ContainerRef, progress: Progress) -> None:
    try:
        container = access.inspect(ref)
    except NotFound:
        return
    for line in evidence.tail(access.client, container, TOLD_LINES):
        progress(line, "", 0, 0)


def _remove_leftover(access: Access, ref: ContainerRef) -> None:
    """What an earlier run left under the same name, if it is a hook's indeed."""
    try:
        labels = access.inspect(ref)["Config"].get("Labels") or {}
    except NotFound:
        return
    if labels.get(naming.HOOK):
        _remove(access, ref)


def _remove(access: Access, ref: ContainerRef) -> None:
    # Not the plan's own wish to stop: an interrupted run removes its hook all the same.
    removal = actions.RemoveContainer(container=ref, volumes=True, force=True)
    execute_containers.remove(access, removal, CancelToken())


def creation(action: actions.RunHook, ref: ContainerRef) -> actions.CreateContainer:
    """The container of a hook that runs beside its replica."""
    hook, settings = action.hook, action.settings or Container()
    own = replace(
        settings,
        image=hook.image or settings.image,
        command=hook.command,
        user=hook.user or settings.user,
        working_dir=hook.working_dir or settings.working_dir,
        privileged=hook.privileged or settings.privileged,
        environment={**settings.environment, **hook.environment},
        # It stands beside the replica: it shares its volumes and must not take its ports, its checks or its restarts.
        volumes_from=(f"container:{action.container.target}",),
        mounts=(),
        files=(),
        ports=(),
        healthcheck=Healthcheck(("NONE",)),
        restart=RestartPolicy(),
    )
    labels = {**action.labels, naming.HOOK: action.kind.value}
    return actions.CreateContainer(container=ref, settings=own, networks=action.networks, labels=labels)
