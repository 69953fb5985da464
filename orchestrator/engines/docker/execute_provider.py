"""Services that something else provides: run the provider's program as Compose does, and take the variables it hands
back.

The program is a plugin of the Docker command line (``docker-TYPE``) or an executable ``TYPE`` in ``PATH``. It is
called with fixed arguments, never through a shell, and speaks JSON lines on its output. What it says about itself
(``compose metadata``) tells which options a command takes, and whether there is a ``stop``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import IO, Any

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Progress
from orchestrator.engines.docker import config
from orchestrator.engines.docker.access import Access
from orchestrator.engines.docker.wire import quote
from orchestrator.engines.gate import RUN, Request
from orchestrator.errors import EngineError, Interrupted
from orchestrator.model import actions

SYSTEM_PLUGINS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


METADATA_SECONDS = 30.0


def run(access: Access, action: actions.RunProvider, progress: Progress, cancel: CancelToken) -> str:
    """The variables for the services that depend on it, as ``KEY=value`` lines. Without a ``stop``, to stop is nothing."""
    import subprocess

    access.client.admit(Request(RUN, f"/{quote(action.provider.type)}"))
    path = program(action.provider.type, access.environment)
    known = metadata(path, access.environment)
    if action.command == "stop" and not isinstance(known.get("stop"), dict):
        return ""
    command = [path, *arguments(action, known)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=dict(access.environment),
        start_new_session=True,
    ) as process:
        complaints = _collected(process.stderr)
        end = cancel.subscribe(process.terminate)
        try:
            variables, errors = _conversation(process.stdout, action.service, progress)
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            end()
        said = errors or complaints()
    if cancel.is_set():
        raise Interrupted(signal_number=cancel.signal_number or 2)
    if code != 0 or errors:
        raise _failed(action, code, said)
    return "\n".join(f"{key}={value}" for key, value in variables.items())


def metadata(path: str, environment: Mapping[str, str]) -> Mapping[str, Any]:
    """What a provider says about itself; empty where it says nothing that could be used."""
    import subprocess

    try:
        said = subprocess.run(
            [path, "compose", "metadata"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            timeout=METADATA_SECONDS,
            check=True,
        )
        known = _message(said.stdout.decode(errors="replace"))
    except (OSError, subprocess.SubprocessError):
        return {}
    return known if known.get("description") or _declared(known, "up") or _declared(known, "down") else {}


def _declared(known: Mapping[str, Any], command: str) -> dict[str, Mapping[str, Any]]:
    """The options of a command, by name."""
    block = known.get(command)
    entries = block.get("parameters") if isinstance(block, dict) else None
    return {str(one.get("name")): one for one in entries or () if isinstance(one, dict)}


def arguments(action: actions.RunProvider, known: Mapping[str, Any]) -> list[str]:
    """The command line: every option where nothing is known about them, else those that the command takes."""
    given, declared = action.provider.options, _declared(known, action.command)
    missing = sorted(name for name, one in declared.items() if one.get("required") and name not in given)
    if missing:
        raise EngineError(
            f'provider "{action.provider.type}" of service "{action.service}" needs the option {missing[0]}',
            hint=f"set services.{action.service}.provider.options.{missing[0]}",
            reference="provider-option-missing",
        )
    taken = [name for name in given if not known or name in declared]
    options = [f"--{name}={value}" for name in taken for value in given[name]]
    return ["compose", f"--project-name={action.stack}", action.command, *options, action.service]


def program(kind: str, environment: Mapping[str, str]) -> str:
    """The provider's executable. Raises EngineError when there is none."""
    for path in _candidates(kind, environment):
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise EngineError(
        f'no provider "{kind}": there is neither a docker plugin of that name nor a program in PATH',
        hint=f"install docker-{kind} into ~/.docker/cli-plugins, or {kind} into PATH",
        reference="provider-missing",
    )


def _candidates(kind: str, environment: Mapping[str, str]) -> Iterator[str]:
    if "/" in kind or kind in ("", ".", "..", "compose"):
        return  # a name, not a path; and `compose` would be Compose itself
    extra = config.load(environment).get("cliPluginsExtraDirs")
    folders = [
        *(extra if isinstance(extra, list) else ()),
        f"{config.directory(environment)}/cli-plugins",
        *SYSTEM_PLUGINS,
    ]
    yield from (f"{folder}/docker-{kind}" for folder in folders)
    yield from (f"{folder}/{kind}" for folder in environment.get("PATH", os.defpath).split(os.pathsep) if folder)


def _conversation(output: IO[str] | None, service: str, progress: Progress) -> tuple[dict[str, str], list[str]]:
    """Read until the program ends: progress is passed on, variables and errors are collected."""
    variables: dict[str, str] = {}
    errors: list[str] = []
    for line in output or ():
        message = _message(line)
        text = str(message.get("message", ""))
        match message.get("type"):
            case "info":
                progress(text, "", 0, 0)
            case "error":
                errors.append(text)
            case "setenv":
                key, _, value = text.partition("=")
                variables[f"{service.upper().replace('-', '_')}_{key}"] = value
            case "rawsetenv":
                key, _, value = text.partition("=")
                variables[key] = value
            case _:
                pass  # "debug", and what later versions may say
    return variables, errors


def _message(line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _collected(stream: IO[str] | None) -> Any:
    """Read a stream on a thread of its own; calling the result gives its last lines."""
    import threading

    kept: list[str] = []

    def read() -> None:
        for line in stream or ():
            kept.append(line.rstrip())
            del kept[:-10]

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def result() -> list[str]:
        reader.join(timeout=1.0)
        return kept

    return result


def _failed(action: actions.RunProvider, code: int, said: list[str]) -> EngineError:
    details = "".join(f"\n    {line}" for line in said)
    what = f'provider "{action.provider.type}" of service "{action.service}" failed to {action.command}'
    return EngineError(f"{what} (exit code {code}){details}", reference="provider-failed")
