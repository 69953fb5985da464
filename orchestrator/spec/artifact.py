"""A spec as an artifact for a registry: its files as they are, but for the names of the files they refer to.

Files go in; ``Layer`` values come out, in the order in which they are merged when the artifact is loaded. What `extends`
refers to comes along, and env files if they are to; each under a name made from its path, because an artifact has no
folders. Nothing else of a text is changed: comments, anchors and variables stay as they were written.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import yaml

from orchestrator.errors import SpecError, StackError, Where
from orchestrator.records import dataclass
from orchestrator.spec import remote
from orchestrator.spec.remote_oci import ENV_FILE, SPEC
from orchestrator.spec.substitute import Substitution

_NOTE = "com.docker.compose."
Place = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Layer:
    """A file of the artifact. ``source`` is where it came from here, empty for one that was made."""

    name: str
    content: bytes
    media: str = SPEC
    base: bool = False  # one that another extends, not one to merge
    source: str = ""

    @property
    def annotations(self) -> dict[str, str]:
        if self.media == ENV_FILE:
            return {f"{_NOTE}envfile": self.name}
        return {f"{_NOTE}file": self.name, **({f"{_NOTE}extends": "true"} if self.base else {})}


def layers(files: Iterable[str], environment: Mapping[str, str], *, env_files: bool) -> tuple[Layer, ...]:
    """The layers of a stack's files (absolute paths; what was fetched from elsewhere counts too)."""
    packer = _Packer(environment, env_files)
    for path in files:
        packer.add(path, os.path.basename(path))
    return (*packer.files, *packer.bases.values(), *packer.env_files.values())


class _Packer:
    def __init__(self, environment: Mapping[str, str], with_env_files: bool) -> None:
        self._substitution = Substitution(environment.get)
        self._with_env_files = with_env_files
        self.files: list[Layer] = []
        self.bases: dict[str, Layer] = {}
        self.env_files: dict[str, Layer] = {}

    def add(self, path: str, name: str) -> None:
        self.files.append(Layer(name, self._rewritten(path), source=path))

    def _rewritten(self, path: str) -> bytes:
        """The text with the names that its references have in the artifact."""
        text = _read(path).decode("utf-8-sig", "surrogateescape")
        replaced: dict[tuple[int, int], str] = {}
        for node in _documents(text, path):
            self._references(node, path, replaced)
        for (start, end), name in sorted(replaced.items(), reverse=True):
            text = text[:start] + name + text[end:]
        return text.encode("utf-8", "surrogateescape")

    def _references(self, root: Any, path: str, replaced: dict[tuple[int, int], str]) -> None:
        included = _value(root, "include")
        for entry in _texts(included, "path"):
            if not remote.is_remote(self._filled(entry)):
                raise StackError(
                    "cannot publish compose file with local includes",
                    where=Where(path, entry.start_mark.line + 1, entry.start_mark.column + 1, "include"),
                    hint="publish the included file too, and include it as oci://...; or merge the two with -f",
                    reference="local-include",
                )
        directory = os.path.dirname(path)
        for service in _values(_value(root, "services")):
            for kind in ("env_file", "label_file"):
                for node in _texts(_value(service, kind), "path"):
                    self._env_file(node, directory, replaced)
            extended = _value(service, "extends")
            for node in _texts(_value(extended, "file"), "") if isinstance(extended, yaml.MappingNode) else ():
                self._base(node, directory, replaced)

    def _env_file(self, node: yaml.ScalarNode, directory: str, replaced: dict[tuple[int, int], str]) -> None:
        place = os.path.normpath(os.path.join(directory, self._filled(node)))
        if not self._with_env_files or not os.path.isfile(place):
            return
        name = f"{_hash(place)}.env"
        self.env_files[place] = Layer(name, _read(place), ENV_FILE, source=place)
        replaced[_span(node)] = name

    def _base(self, node: yaml.ScalarNode, directory: str, replaced: dict[tuple[int, int], str]) -> None:
        reference = self._filled(node)
        place = os.path.normpath(os.path.join(directory, reference))
        if remote.is_remote(reference) or not os.path.isfile(place):
            return
        name = f"{_hash(place)}.yaml"
        replaced[_span(node)] = name
        if place not in self.bases:
            self.bases[place] = Layer(name, b"", base=True)  # known from here on: files may extend each other
            self.bases[place] = Layer(name, self._rewritten(place), base=True, source=place)

    def _filled(self, node: yaml.ScalarNode) -> str:
        try:
            return self._substitution.apply(str(node.value))
        except ValueError:
            return str(node.value)


def _documents(text: str, path: str) -> Iterator[Any]:
    try:
        yield from yaml.compose_all(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as problem:
        raise SpecError(f"{os.path.basename(path)} cannot be read: {problem}", where=Where(path)) from None


def _value(node: Any, key: str) -> Any:
    """What stands under ``key``, also where it comes by ``<<``."""
    if not isinstance(node, yaml.MappingNode):
        return None
    merged = None
    for name, value in node.value:
        if name.value == key:
            return value
        if name.value == "<<":
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            merged = merged or next(
                (found for found in (_value(one, key) for one in sources) if found is not None), None
            )
    return merged


def _values(node: Any) -> list[Any]:
    return [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else []


def _texts(node: Any, key: str) -> Iterator[yaml.ScalarNode]:
    """The scalars of a text, a list of them, or of mappings with ``key``."""
    if isinstance(node, yaml.ScalarNode) and node.value:
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _texts(item, key)
    elif isinstance(node, yaml.MappingNode) and key:
        yield from _texts(_value(node, key), "")


def _span(node: yaml.ScalarNode) -> tuple[int, int]:
    return node.start_mark.index, node.end_mark.index


def _hash(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as problem:
        raise SpecError(f"{path} cannot be read: {problem.strerror}", where=Where(path)) from problem
