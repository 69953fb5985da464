"""`develop.watch` of a stack's services: from changed paths to what has to be done in which service.

Rules are made from a ``Stack``; ``Rules.work`` sorts a batch of changed paths. Nothing is done here. Paths that
``.dockerignore`` or the rule itself leaves out, and what editors leave beside their files, are nobody's business.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator

from orchestrator import ignored
from orchestrator.errors import UsageError
from orchestrator.ignored import Patterns
from orchestrator.model.stack import Build, Hook, Service, Stack, WatchRule
from orchestrator.model.values import MountType
from orchestrator.records import dataclass, field
from orchestrator.watch.files import Batch, everything_in

SYNCING = ("sync", "sync+restart", "sync+exec")


@dataclass(slots=True)
class Work:
    """What a batch asks for. ``sync`` maps services to pairs: path in the container, path here."""

    rebuild: set[str] = field(default_factory=set)
    sync: dict[str, dict[str, str]] = field(default_factory=dict)
    restart: set[str] = field(default_factory=set)
    exec: dict[str, list[Hook]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rebuild or self.sync or self.restart or self.exec)


@dataclass(frozen=True, slots=True)
class Rule:
    """An entry of `develop.watch` with its patterns at hand. ``root`` is where ``.dockerignore`` counts from.

    ``tree``: the path is a directory. Its content is synced, the directory itself is not: were it moved away here, all that
    the image has in its place would go as well.
    """

    service: str
    declared: WatchRule
    tree: bool
    root: str
    of_build: Patterns
    own: Patterns
    included: Patterns

    def covers(self, path: str) -> bool:
        below = _below(self.declared.path, path)
        if below is None:
            return False
        if self.included and not self.included.mean(below):
            return False
        inside = _below(self.root, path) if self.root else None
        ignored = inside is not None and self.of_build.mean(inside)
        return not (ignored or _PASSING.mean(below) or self.own.mean(below))

    def there(self, path: str) -> str:
        """The place of ``path`` in the container."""
        below = _below(self.declared.path, path) or ""
        return posixpath.normpath(posixpath.join(self.declared.target, below))

    def pairs(self, paths: Iterable[str]) -> dict[str, str]:
        """What is synced of ``paths``: path in the container, path here."""
        itself = self.declared.path if self.tree or os.path.isdir(self.declared.path) else ""
        return {self.there(path): path for path in paths if path != itself}


_PASSING = Patterns(ignored.PASSING)


class Rules:
    """``warnings`` tells of rules that cannot do anything; ``paths`` is what has to be watched."""

    def __init__(self, rules: tuple[Rule, ...], warnings: tuple[str, ...] = ()) -> None:
        self.rules, self.warnings = rules, warnings

    def __bool__(self) -> bool:
        return bool(self.rules)

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(rule.declared.path for rule in self.rules)

    def work(self, changed: Batch) -> Work:
        """What the changed paths ask for."""
        work = Work()
        for rule in self.rules:
            covered = [path for path in sorted(changed) if rule.covers(path)]
            if covered:
                _add(work, rule, covered)
        for service in work.rebuild:  # a new container needs none of the rest
            work.sync.pop(service, None)
            work.exec.pop(service, None)
        work.restart -= work.rebuild
        return work

    def initial(self) -> Iterator[tuple[Rule, dict[str, str]]]:
        """The rules that sync when they begin, each with all it covers: path in the container, path here."""
        for rule in self.rules:
            if rule.declared.initial_sync and rule.declared.action in SYNCING:
                root = rule.declared.path
                paths = everything_in(root) if os.path.isdir(root) else (root,)
                yield rule, rule.pairs(path for path in paths if rule.covers(path))


def of_stack(stack: Stack, services: Iterable[str]) -> Rules:
    """The rules of these services."""
    rules: list[Rule] = []
    warnings: list[str] = []
    for name in services:
        service = stack.services[name]
        for declared in service.watch:
            if declared.action in SYNCING and _is_mounted(declared.path, service):
                warnings.append(f"path {declared.path!r} is bind-mounted in {name} already and is not watched")
                continue
            if declared.action == "rebuild" and service.build is None:
                raise UsageError(
                    f"service {name!r} cannot be rebuilt when {declared.path} changes: it has no build section",
                    where=stack.where(f"services.{name}.develop"),
                    hint="give it a build section, or use another action than rebuild",
                    reference="invalid-watch",
                )
            rules.append(_rule(name, declared, service.build))
    return Rules(tuple(rules), tuple(warnings))


def _rule(service: str, declared: WatchRule, build: Build | None) -> Rule:
    root = build.context if build is not None and os.path.isdir(build.context) else ""
    return Rule(
        service=service,
        declared=declared,
        tree=os.path.isdir(declared.path),
        root=root,
        of_build=Patterns(_ignored_by(root, build) if build is not None and root else ()),
        own=Patterns(declared.ignore),
        included=Patterns(declared.include),
    )


def _ignored_by(root: str, build: Build) -> tuple[str, ...]:
    """The ignore file beside the Dockerfile that is named after it, else that of the context."""
    found = (ignored.read(os.path.join(root, name)) for name in ignored.beside(build.dockerfile))
    return next((lines for lines in found if lines is not None), ())


def _add(work: Work, rule: Rule, covered: list[str]) -> None:
    action = rule.declared.action
    if action == "rebuild":
        work.rebuild.add(rule.service)
    if action in SYNCING:
        work.sync.setdefault(rule.service, {}).update(rule.pairs(covered))
    if action in ("restart", "sync+restart"):
        work.restart.add(rule.service)
    if action == "sync+exec" and rule.declared.exec is not None:
        work.exec.setdefault(rule.service, []).append(rule.declared.exec)


def _is_mounted(path: str, service: Service) -> bool:
    sources = [mount.source for mount in service.container.mounts if mount.type is MountType.BIND]
    return any(_below(source, path) is not None for source in sources)


def _below(directory: str, path: str) -> str | None:
    """``path`` relative to ``directory``: empty for itself, ``None`` where it lies elsewhere."""
    if path == directory:
        return ""
    start = directory.rstrip("/") + "/"
    return path.removeprefix(start) if path.startswith(start) else None
