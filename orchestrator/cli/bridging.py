"""Taking a stack to another platform: what is handed to a transformation, and its results on disk."""

from __future__ import annotations

import os
import shutil
from typing import Any

from orchestrator.cli import asking, loading
from orchestrator.cli.wiring import Context
from orchestrator.errors import EngineError, StackError, UsageError
from orchestrator.model.stack import Stack
from orchestrator.records import replace
from orchestrator.spec import kubernetes, render, yamltext
from orchestrator.spec.defaults import services_of
from orchestrator.spec.document import Map
from orchestrator.spec.load import load_canonical

LABEL = "com.docker.compose.bridge"
DOCKERFILE = f"""FROM docker/compose-bridge-transformer
LABEL {LABEL}=transformation
COPY templates /templates
"""


def fresh(context: Context, output: str, *, yes: bool = False) -> str:
    """The absolute path of an empty folder; what was there is removed, if nobody and nothing speaks against it."""
    path = os.path.abspath(output)
    if os.path.isdir(path) and (path == os.path.abspath(os.curdir) or path in ("/", os.path.expanduser("~"))):
        raise UsageError(f"{path} would be emptied", hint="name a folder of its own with --output")
    _agreed(context, path, yes=yes)
    try:
        if os.path.lexists(path):
            shutil.rmtree(path)
        os.makedirs(path)
    except OSError as problem:
        raise StackError(f"{path} cannot be made empty: {problem.strerror}", reference="cannot-write") from problem
    return path


def _agreed(context: Context, path: str, *, yes: bool) -> None:
    if yes or not os.path.isdir(path) or not os.listdir(path):
        return
    if not asking.confirmed(context, f"{path} is not empty; what is in it will be removed. Go on?"):
        raise StackError(
            f"{path} is not empty, and stays as it is",
            hint="name another folder with --output, or say --yes",
            reference="output-not-empty",
        )


def to_kubernetes(context: Context, folder: str) -> int:
    """Our own conversion; how many files it made."""
    stack = context.load()
    made = kubernetes.manifests(_with_exposed(context, stack))
    for name, document in made.files.items():
        write(os.path.join(folder, name), yamltext.dump(document))
    for note in made.notes:
        context.say(f"note: {note}")
    return len(made.files)


def _with_exposed(context: Context, stack: Stack) -> Stack:
    """With the ports that images themselves say they listen on, where the engine has the images."""
    services = []
    for service in stack.services.values():
        exposed = tuple(
            port for port in _exposed(context, service.container.image) if port not in service.container.expose
        )
        container = replace(service.container, expose=(*service.container.expose, *exposed))
        services.append(replace(service, container=container))
    return stack.with_services(services)


def _exposed(context: Context, image: str) -> tuple[str, ...]:
    try:
        found = context.engine.operations.inspect("image", image)
    except (EngineError, UsageError):
        return ()
    return tuple(sorted((found.get("Config") or {}).get("ExposedPorts") or ()))


def model(context: Context) -> tuple[str, bytes]:
    """The stack's name, and it as transformations get it: whole, with images' ports, and with what configs and secrets hold."""
    canonical = load_canonical(loading.request(context))
    shown: Map = render.printed(canonical)
    for name, service in services_of(shown):
        service.setdefault("image", f"{canonical.name}-{name}")
        own = [str(port["target"]) for port in service.get("ports") or ()]
        ports = [port.partition("/")[0] for port in _exposed(context, str(service["image"]))]
        every = dict.fromkeys((*map(str, service.get("expose") or ()), *ports, *own))
        if every:
            service["expose"] = list(every)
    for kind in ("configs", "secrets"):
        for name, resource in (shown.get(kind) or {}).items():
            if isinstance(resource, Map):
                _fill(resource, canonical.model[kind][name], canonical.environment)
    return canonical.name, yamltext.dump(shown).encode()


def _fill(resource: Map, loaded: Any, environment: Any) -> None:
    if resource.get("external"):
        return
    if resource.get("environment"):
        resource["content"] = str(loaded.get("x-#value", environment.get(str(resource["environment"]), "")))
    elif resource.get("file"):
        try:
            with open(str(resource["file"]), encoding="utf-8", errors="replace") as file:
                resource["content"] = file.read()
        except OSError as problem:
            raise StackError(
                f"{resource['file']} cannot be read: {problem.strerror}", reference="cannot-convert"
            ) from problem


def templates(folder: str) -> dict[str, bytes]:
    """The files of a folder of templates, by where the image looks for them."""
    found: dict[str, bytes] = {}
    if not os.path.isdir(folder):
        raise UsageError(f"{folder} is no folder", hint="--templates names a folder of templates")
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as file:
                found[f"templates/{os.path.relpath(path, folder)}"] = file.read()
    return found


def write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise StackError(f"cannot write {path}: {problem.strerror}", reference="cannot-write") from problem
