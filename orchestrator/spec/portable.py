"""A stack made portable: its canonical model with images instead of builds, and the files beside it that it needs.

What stands below the project's directory keeps its place; configs and secrets from elsewhere get one below ``files/``.
What belongs to the host (a socket, a folder outside of the project) is left as it is and named, so that somebody sees to
it. Pure but for asking the disk what is a file and what a folder.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

from orchestrator.records import dataclass, field
from orchestrator.spec import render, yamltext
from orchestrator.spec.defaults import services_of
from orchestrator.spec.document import Map
from orchestrator.spec.load import Canonical

SPEC = "app.yml"
ELSEWHERE = "files"
_LEFT_BEHIND = ("build", "develop", "env_file", "label_file")  # what is of use only where the sources are


@dataclass(frozen=True, slots=True)
class Portable:
    """``spec`` is the text of the file; ``files`` maps places beside it to paths of this host; ``notes`` say what is left."""

    name: str
    spec: str
    images: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def portable(canonical: Canonical, renamed: Mapping[str, str]) -> Portable:
    """``renamed`` maps names of images that an archive cannot keep (digests) to those they have in it."""
    packing = _Packing(canonical.working_dir)
    model: dict[str, Any] = copy.deepcopy(render.printed(canonical))
    images = [_service(name, service, canonical, renamed, packing) for name, service in services_of(model)]  # type: ignore[arg-type]
    for kind in ("configs", "secrets"):
        for name, resource in (model.get(kind) or {}).items():
            _resource(kind, name, resource, packing)
    for kind in ("networks", "volumes"):
        for name, resource in (model.get(kind) or {}).items():
            _external(kind, name, resource, packing)
    text = yamltext.dump(model)
    return Portable(
        name=canonical.name,
        spec=text.replace("$", "$$") if canonical.interpolated else text,
        images=tuple(dict.fromkeys(images)),
        files=packing.files,
        notes=tuple(packing.notes),
    )


def images(canonical: Canonical) -> tuple[str, ...]:
    """The images that the stack runs, as its file names them."""
    return tuple(dict.fromkeys(_image(name, service, canonical) for name, service in services_of(canonical.model)))


def _image(name: str, service: Mapping[str, Any], canonical: Canonical) -> str:
    return str(service.get("image") or f"{canonical.name}-{name}")


class _Packing:
    """Collects the files and gives each its place."""

    def __init__(self, directory: str) -> None:
        self.directory = os.path.normpath(directory)
        self.files: dict[str, str] = {}
        self.notes: list[str] = []

    def inside(self, path: str) -> bool:
        """Whether the path is below the project's directory and not the directory itself."""
        return path.startswith(self.directory.rstrip("/") + "/")

    def place(self, path: str, kind: str, name: str) -> str:
        """Where the file goes, as a relative path; the spec's own place is not given away."""
        relative = os.path.relpath(path, self.directory)
        if not self.inside(path) or relative == SPEC:
            relative = f"{ELSEWHERE}/{kind}/{name}"
        self.files[relative] = path
        return f"./{relative}"


def _service(
    name: str, service: dict[str, Any], canonical: Canonical, renamed: Mapping[str, str], packing: _Packing
) -> str:
    image = _image(name, service, canonical)
    for key in _LEFT_BEHIND:
        service.pop(key, None)
    service["image"] = renamed.get(image, image)
    service["pull_policy"] = "missing"  # the images are in the archive; a registry may not be in reach
    for mount in service.get("volumes") or ():
        if mount.get("type") == "bind":
            _bind(name, mount, packing)
    service["security_opt"] = [_option(name, one, packing) for one in service.get("security_opt") or ()]
    if not service["security_opt"]:
        del service["security_opt"]
    return image


def _bind(service: str, mount: dict[str, Any], packing: _Packing) -> None:
    source = str(mount.get("source", ""))
    if not packing.inside(source):
        packing.notes.append(f'service "{service}": {source} belongs to this host and has to be there as well')
    elif os.path.exists(source):
        mount["source"] = packing.place(source, "binds", service)
    else:
        mount["source"] = "./" + os.path.relpath(source, packing.directory)


def _option(service: str, option: str, packing: _Packing) -> str:
    key, separator, path = option.partition(":") if ":" in option else option.partition("=")
    if key == "seccomp" and path.startswith("/") and os.path.isfile(path):
        return f"{key}{separator}{packing.place(path, 'seccomp', service)}"
    return option


def _resource(kind: str, name: str, resource: Any, packing: _Packing) -> None:
    if not isinstance(resource, Map | dict):
        return
    if resource.get("file"):
        resource["file"] = packing.place(str(resource["file"]), kind, name)
    elif resource.get("environment"):
        packing.notes.append(f"{kind[:-1]} {name}: set the variable {resource['environment']} there")


def _external(kind: str, name: str, resource: Any, packing: _Packing) -> None:
    if isinstance(resource, Map | dict) and resource.get("external"):
        packing.notes.append(f"{kind[:-1]} {resource.get('name') or name} is external and has to be there as well")
