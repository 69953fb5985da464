"""What a revision remembers of a spec, and how a stack is made from it again.

A stack and the canonical model it was built from go in; out comes a document of plain values in which secrets are
masked and referenced: where one stood there is ``***``, and beside it a digest under the host's key. Configs and secrets
that are files are digests too. Going back, ``restored`` fills the masks again: with a value of the same digest, wherever
it is found now; else with the present value of the same place, and says so; else it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from orchestrator.errors import StackError
from orchestrator.model import fingerprint
from orchestrator.model.masking import MASK, is_secret_name, mask
from orchestrator.model.stack import Stack
from orchestrator.records import dataclass, field, replace
from orchestrator.secrets.opening import Opening
from orchestrator.spec import limits, store
from orchestrator.spec.document import Map, Seq, format_path
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical, stack_of
from orchestrator.spec.yamltext import dump

Document = dict[str, Any]
Path = tuple[str | int, ...]

_SECTIONS = ("networks", "volumes", "configs", "secrets", "models")
# Below these keys stand names of the user's own choosing, which may say that a value is secret.
_NAMED = frozenset(("environment", "labels", "annotations", "args", "driver_opts", "options", "ipam", "sysctls"))
_ASSIGNMENT = re.compile(r"^(?P<before>\W*(?P<name>[\w.-]+)\W?\s*[:=]\s*)(?P<value>\S.*)$", re.MULTILINE)


class RevisionUnusable(StackError):
    """A revision that cannot be gone back to."""

    reference = "revision-unusable"


# Into the history


def document(stack: Stack, canonical: Canonical | None, key: bytes) -> Document:
    """What is remembered, with digests under ``key``: the stack's own is empty where contents did not matter.

    Without a model (the stack was taken down by its name alone) only that it has nothing to run.
    """
    if canonical is None:
        return {"name": stack.name, "replicas": {name: service.replicas for name, service in stack.services.items()}}
    masking = _Masking(key, _secrets(stack, canonical))
    model = {key: masking.value(value, (key,)) for key, value in canonical.model.items() if key in _KEPT}
    return {
        "name": stack.name,
        "directory": stack.working_dir,
        "files": list(stack.config_files),
        "environment_files": list(stack.environment_files),
        "profiles": list(canonical.profiles),
        "disabled": sorted(stack.disabled),
        "separator": stack.separator,
        "replicas": {name: service.replicas for name, service in stack.services.items()},
        "model": model,
        "masked": masking.digests,
        "contents": _contents(stack) if stack.key else {},
    }


_KEPT = frozenset(("name", "services", *_SECTIONS, "x-stack"))


def joined(new: Document, earlier: Document, selected: frozenset[str]) -> Document:
    """``new`` for the services that were ``selected``, ``earlier`` for all others: what is there after a partial run."""
    if "model" not in new:
        return {**earlier, "replicas": {**earlier.get("replicas", {}), **dict.fromkeys(selected, 0)}}
    services = new["model"].get("services") or {}
    before = (earlier.get("model") or {}).get("services") or {}
    left = {name: before[name] for name in before if name not in selected}
    chosen = {name: services[name] for name in services if name in selected}
    sections = {
        key: {**((earlier.get("model") or {}).get(key) or {}), **(new["model"].get(key) or {})}
        for key in _SECTIONS
        if key in new["model"] or key in (earlier.get("model") or {})
    }
    model = {**new["model"], "services": {**left, **chosen}, **sections}
    unknown = set(services) - set(chosen) - set(left)
    return {
        **new,
        "disabled": sorted({*new["disabled"], *unknown} - set(model["services"])),
        "replicas": {
            **{name: earlier["replicas"].get(name, 0) for name in left},
            **{name: new["replicas"].get(name, 0) for name in chosen},
        },
        "model": model,
        "masked": {
            **_below(earlier.get("masked", {}), lambda owner: owner not in selected),
            **_below(new["masked"], lambda owner: owner in selected),
        },
        "contents": {**earlier.get("contents", {}), **new["contents"]},
    }


def _below(masked: Mapping[str, str], wanted: Callable[[str], bool]) -> dict[str, str]:
    """The masks in services that are ``wanted``, and all those outside of services."""
    found = {}
    for pointer, digest in masked.items():
        section, *rest = _path(pointer)
        if section != "services" or wanted(rest[0]):
            found[pointer] = digest
    return found


def _secrets(stack: Stack, canonical: Canonical) -> frozenset[str]:
    """Values known to be secret: what secrets hold, and variables whose names say so."""
    named = {canonical.environment.get(name, "") for name in canonical.variables if is_secret_name(name)}
    return frozenset(stack.secret_values | named) - {""}


def _contents(stack: Stack) -> dict[str, str]:
    """Digests of what configs and secrets hold, by ``secrets.NAME``."""
    return {
        f"{grant.kind.value}s.{grant.name}": grant.digest
        for service in stack.services.values()
        for grant in service.container.files
        if grant.digest
    }


class _Masking:
    """Masks a tree and keeps a digest of every text that was changed by it, under its JSON pointer."""

    def __init__(self, key: bytes, secrets: Iterable[str]) -> None:
        self._key, self._secrets = key, frozenset(secrets)
        self.digests: dict[str, str] = {}

    def value(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items() if key != "x-#value"}
        if isinstance(value, list):
            return [self._item(value, index, (*path, index)) for index in range(len(value))]
        return self._text(value, path, "") if isinstance(value, str) else value

    def _item(self, items: list[Any], index: int, path: Path) -> Any:
        item = items[index]
        before = items[index - 1] if index else None
        if isinstance(item, str) and isinstance(before, str) and before.startswith("-") and "=" not in before:
            return self._text(item, path, before.lstrip("-"))  # ["--password", "x"]
        return self.value(item, path)

    def _text(self, text: str, path: Path, option: str) -> str:
        named = option or next((str(path[-1]) for part in path[:-1] if part in _NAMED), "")
        shown = masked_text(text, self._secrets, named)
        if shown != text:
            self.digests[pointer_of(path)] = fingerprint.digest(self._key, text.encode("utf-8", "surrogatepass"))
        return shown


def masked_text(text: str, secrets: frozenset[str], name: str = "") -> str:
    """``text`` without secrets, also those that some line of it assigns to a telling name."""
    if "\n" in text:

        def hidden(found: re.Match[str]) -> str:
            return found["before"] + MASK if is_secret_name(found["name"]) else found[0]

        text = _ASSIGNMENT.sub(hidden, text)
    return mask(text, secrets, name=name)


def pointer_of(path: Path) -> str:
    """A path as a JSON pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _path(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def place(pointer: str) -> str:
    """A pointer as people write it: ``services.web.environment.PASSWORD``."""
    return format_path([int(part) if part.isdigit() else part for part in _path(pointer)])


# Out of the history


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A stack as a revision had it. ``changed`` names what could not be had as it was and is taken as it is now."""

    stack: Stack
    canonical: Canonical
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Where secrets are looked for: the file as it is now, texts from elsewhere (what containers run with), and the
    variables that containers have, by service.
    """

    environment: Mapping[str, str]
    canonical: Canonical | None = None
    texts: frozenset[str] = frozenset()
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def at(self, path: list[str]) -> Any:
        """What stands at a place now: in the file, else in a container."""
        found = _at(self.canonical.model, path) if self.canonical is not None else None
        if found is None and len(path) == 4 and (path[0], path[2]) == ("services", "environment"):
            return self.variables.get(path[1], {}).get(path[3])
        return found


def restored(spec: Document, number: int, key: bytes, present: Present, opening: Opening | None = None) -> Restored:
    """The stack of revision ``number``; what is encrypted of its files, or elsewhere, is had by ``opening``.

    Raises RevisionUnusable where a secret of it is nowhere to be found.
    """
    if "model" not in spec or not any(spec["replicas"].values()):
        raise RevisionUnusable(
            f"revision {number} has nothing that runs: it took the stack down", hint="`stack down` does that"
        )
    model, changed = _filled(spec, number, key, present)
    bounds = limits.from_environment(present.environment)
    canonical = load_canonical(
        LoadRequest(
            files=("-",),
            stdin=dump(model).replace("$", "$$"),
            environment=_named_variables(model, present.environment),
            project_directory=spec["directory"],
            project_name=spec["name"],
            profiles=("*",),
            limits=bounds,
        )
    )
    canonical = replace(
        canonical,
        working_dir=spec["directory"],
        config_files=tuple(spec["files"]),
        environment_files=tuple(spec["environment_files"]),
        profiles=tuple(spec["profiles"]),
        disabled=Map((name, Map()) for name in spec["disabled"]),
    )

    def made(request: LoadRequest) -> Stack:
        return stack_of(
            replace(canonical, secret_values=request.secret_values),
            key=key,
            separator=spec["separator"],
            bounds=bounds,
            store_folder=present.environment.get(store.VARIABLE, ""),
            disk=request.disk,
        )

    asked = LoadRequest(secret_values=canonical.secret_values)
    stack = made(asked) if opening is None else opening.loaded(asked, made)
    stack = stack.scaled({name: count for name, count in spec["replicas"].items() if name in stack.services})
    return Restored(stack=stack, canonical=canonical, changed=(*changed, *_other_contents(spec, number, stack)))


def _filled(spec: Document, number: int, key: bytes, present: Present) -> tuple[Map, list[str]]:
    model = _marked(spec["model"])
    known = _by_digest(key, present) if spec["masked"] else {}
    changed, missing = [], []
    for pointer, digest in spec["masked"].items():
        path = _path(pointer)
        now = present.at(path)
        if digest in known:
            _put(model, path, known[digest])
        elif isinstance(now, str) and _same_but_for_secrets(now, _at(model, path)):
            _put(model, path, now)
            changed.append(f"{place(pointer)}: not what revision {number} had; the present value is used")
        else:
            missing.append(place(pointer))
    if missing:
        raise RevisionUnusable(
            f"revision {number} had secrets that are nowhere to be found now: {', '.join(missing)}",
            hint="secrets are never stored; put them where the file had them, and run the command again",
        )
    return model, changed


def _by_digest(key: bytes, present: Present) -> dict[str, str]:
    """Every text there is now, by its digest."""
    texts = {*present.texts, *present.environment.values()}
    if present.canonical is not None:
        texts.update(_texts(present.canonical.model))
        texts.update(present.canonical.environment.values())
    return {fingerprint.digest(key, text.encode("utf-8", "surrogatepass")): text for text in texts}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _same_but_for_secrets(now: str, recorded: Any) -> bool:
    """Whether the text that is there now differs from the one recorded in nothing but what is masked."""
    if recorded == MASK:
        return True
    pattern = ".*?".join(re.escape(part) for part in str(recorded).split(MASK))
    return re.fullmatch(pattern, now, re.DOTALL) is not None


def _named_variables(model: Map, environment: Mapping[str, str]) -> dict[str, str]:
    """Only the variables that configs and secrets are taken from: everything else was filled in when it was recorded."""
    wanted = {
        str(resource["environment"])
        for section in ("configs", "secrets")
        for resource in (model.get(section) or {}).values()
        if isinstance(resource, dict) and resource.get("environment")
    }
    return {name: environment[name] for name in wanted if name in environment}


def _other_contents(spec: Document, number: int, stack: Stack) -> Iterator[str]:
    now = _contents(stack)
    for name, digest in spec["contents"].items():
        if name in now and not fingerprint.same_content(digest, now[name]):
            yield f"{name}: its content is not known to be what revision {number} had; the present one is used"


def _marked(value: Any) -> Any:
    """Plain values as the loader's own kinds of mappings and lists."""
    if isinstance(value, dict):
        return Map((key, _marked(item)) for key, item in value.items())
    if isinstance(value, list):
        return Seq(_marked(item) for item in value)
    return value


def _at(node: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(node, dict):
            node = node.get(part)
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return None
    return node


def _put(node: Any, path: list[str], value: str) -> None:
    parent = _at(node, path[:-1])
    parent[path[-1] if isinstance(parent, dict) else int(path[-1])] = value
