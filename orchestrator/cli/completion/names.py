"""Names to offer: what the file at hand declares, without resolving anything in it; and what the engine has, when asked.

A file that cannot be read has no names. Nothing is said about it: the command that is being typed will.
"""

from __future__ import annotations

import os

from orchestrator.cli.completion import kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

SECTIONS = ("services", "networks", "volumes")


def of_file(environment: Mapping[str, str], given: Mapping[str, Any], kind: str) -> list[str]:
    """``services``, ``networks``, ``volumes`` or ``profiles`` of the file that the words typed so far mean."""
    settings = [environment.get(name, "") for name in ("COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_ENV_FILES")]
    chosen = [given.get(name) for name in ("files", "project_directory", "env_files")]
    key = f"names {os.getcwd()} {chosen} {settings}"
    found: Mapping[str, list[str]] = kept.recall(environment, key, lambda: _load(environment, given))
    return found.get(kind, [])


def of_engine(environment: Mapping[str, str], given: Mapping[str, Any], kind: str) -> list[str]:
    """``stacks`` or ``containers`` of the engine."""
    from orchestrator.cli import engines
    from orchestrator.errors import StackError

    try:
        connected = engines.connect(environment, host=given.get("host", ""), context=given.get("context", ""))
        try:
            found = connected.console.containers()
        finally:
            connected.close()
    except StackError:
        return []
    names = {one.stack for one in found} if kind == "stacks" else {one.name for one in found}
    return sorted(names - {""})


def contexts(environment: Mapping[str, str]) -> list[str]:
    """Docker contexts, from where Docker keeps them."""
    import json

    from orchestrator.engines.docker import config

    folder = os.path.join(config.directory(environment), "contexts", "meta")
    names = {"default"}
    try:
        for entry in os.scandir(folder):
            with open(os.path.join(entry.path, "meta.json"), encoding="utf-8") as file:
                names.add(str(json.load(file)["Name"]))
    except (OSError, ValueError, KeyError):
        pass
    return sorted(names)


def _load(environment: Mapping[str, str], given: Mapping[str, Any]) -> tuple[dict[str, list[str]], Iterable[str]]:
    from orchestrator.errors import StackError
    from orchestrator.spec.load import LoadRequest, load_canonical

    request = LoadRequest(
        files=tuple(given.get("files", ())),
        environment=dict(environment),
        project_directory=given.get("project_directory", ""),
        project_name="completion",
        env_files=tuple(given.get("env_files", ())),
        interpolate=False,
        normalize=False,
        resolve_paths=False,
        resolve_env=False,
        consistency=False,
    )
    try:
        canonical = load_canonical(request)
    except StackError:
        return {}, _folders(os.getcwd())
    model = canonical.model
    found = {section: sorted(map(str, model.get(section) or ())) for section in SECTIONS}
    services = [service for service in (model.get("services") or {}).values() if isinstance(service, dict)]
    profiles = {str(name) for service in services for name in service.get("profiles") or ()}
    found["networks"] = sorted({*found["networks"], "default"})
    found["profiles"] = sorted(name for name in profiles if "$" not in name)
    files = [os.path.abspath(path) for path in canonical.config_files]
    return found, [*files, *_beside(model, canonical.working_dir), *_folders(os.getcwd(), files)]


def _beside(model: Mapping[str, Any], folder: str) -> list[str]:
    """Files that the model says it includes or extends from; those of included files are not followed."""
    named: list[Any] = []
    for entry in model.get("include") or ():
        paths = entry.get("path") if isinstance(entry, dict) else entry
        named += paths if isinstance(paths, list) else [paths]
    return [os.path.join(folder, path) for path in named if isinstance(path, str)]


def _folders(here: str, files: Iterable[str] = ()) -> list[str]:
    """The folders in which a file was looked for: one that appears there counts."""
    found = {os.path.dirname(path) for path in files}
    folders = [here]
    while found and folders[-1] not in found and folders[-1] != "/":
        folders.append(os.path.dirname(folders[-1]))
    return folders
