"""One file over another: the model so far takes what the next file says, each field by its own rule.

Mappings merge key by key, lists are appended, other values are replaced, and null says nothing; the fields that
differ stand in ``RULES``. The base is canonical (or empty) and is changed in place; the override is as written. What
a list ends up saying twice is settled afterwards, by ``unique``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.errors import SchemaViolation, Where
from orchestrator.spec import gotext, patterns
from orchestrator.spec.document import Map, Mark, Seq, format_path
from orchestrator.spec.patterns import Rules

Path = tuple[str | int, ...]
Merger = Callable[[Any, Any, "Rules[Merger] | None", Path, Mark], Any]


def merge(base: Map, override: Map) -> Map:
    """``base`` with ``override`` put over it."""
    return mappings(base, override, RULES, ())


def merge_at(base: Any, override: Any, path: Path, mark: Mark) -> Any:
    """``base`` with ``override`` put over it, both standing at ``path``."""
    return _values(base, override, RULES.at(path), path, mark)


def mappings(base: Map, override: Map, rules: Rules[Merger] | None, path: Path) -> Map:
    """Merge key by key; keys that only one side has are kept."""
    for key, value in override.items():
        if key not in base:
            base.take(key, override, value)
            continue
        mark = override.mark_of(key)
        before = base[key]
        merged = _values(before, value, None if rules is None else rules.below(key), (*path, key), mark)
        if merged is not before:
            base.put(key, merged, override.keys_at.get(key, mark), mark)
    return base


def _values(base: Any, override: Any, rules: Rules[Merger] | None, path: Path, mark: Mark) -> Any:
    if rules is not None and rules.rule is not None:
        return rules.rule(base, override, rules, path, mark)
    return _by_kind(base, override, rules, path, mark)


def _by_kind(base: Any, override: Any, rules: Rules[Merger] | None, path: Path, mark: Mark) -> Any:
    if override is None:
        return base
    if isinstance(base, Map):
        if not isinstance(override, Map):
            raise _mismatch("a mapping", override, path, mark)
        return mappings(base, override, rules, path)
    if isinstance(base, Seq):
        if not isinstance(override, Seq):
            raise _mismatch("a list", override, path, mark)
        return _append(base, override)
    return override


def _mismatch(kind: str, override: Any, path: Path, mark: Mark) -> SchemaViolation:
    name = "a mapping" if isinstance(override, Map) else "a list" if isinstance(override, Seq) else "a single value"
    return SchemaViolation(
        f"cannot put {name} over {kind}",
        where=Where(*mark, format_path(path)),
        hint="write it in the form that the earlier file has, or say !override",
        reference="cannot-override",
    )


def _append(base: Seq, override: Seq) -> Seq:
    for index, item in enumerate(override):
        base.add(item, override.mark_of(index))
    return base


def as_list(value: Any) -> Seq:
    """A mapping as ``key=value`` items in the order of its keys, a text as a list of one."""
    if isinstance(value, Seq):
        return value
    if isinstance(value, Map):
        return _pairs(value)
    return Seq() if value is None else Seq([value])


def _pairs(value: Map) -> Seq:
    items: list[tuple[str, Mark]] = []
    for key, item in value.items():
        mark = value.mark_of(key)
        if item is None:
            items.append((key, mark))
        else:
            items.extend((f"{key}={gotext.text(each)}", mark) for each in (item if isinstance(item, Seq) else [item]))
    items.sort(key=lambda pair: pair[0])
    return Seq([text for text, _ in items], value.mark, [mark for _, mark in items])


def as_mapping(value: Any, default: Map | None = None) -> Map:
    """A list of names as a mapping from each name to null, or to a copy of ``default``."""
    if isinstance(value, Map):
        return value
    found = Map(mark=getattr(value, "mark", Mark("", 0, 0)))
    for index, name in enumerate(value if isinstance(value, Seq) else ()):
        mark = value.mark_of(index)
        found.put(str(name), None if default is None else Map(default.items(), mark), mark, mark)
    return found


# The rules of single fields. Each takes base, override, the rules below, the path and the override's place.


def _replace(_base: Any, override: Any, _rules: Rules[Merger] | None, _path: Path, _mark: Mark) -> Any:
    return override


def _listed(base: Any, override: Any, _rules: Rules[Merger] | None, _path: Path, _mark: Mark) -> Any:
    return _append(as_list(base), as_list(override))


def _hosts(base: Any, override: Any, _rules: Rules[Merger] | None, _path: Path, _mark: Mark) -> Any:
    hosts, more = as_list(base), as_list(override)
    known = set(map(repr, hosts))
    for index, host in enumerate(more):
        if repr(host) not in known:
            hosts.add(host, more.mark_of(index))
    return hosts


def _build(base: Any, override: Any, rules: Rules[Merger] | None, path: Path, mark: Mark) -> Any:
    return mappings(_as_build(base), _as_build(override, mark), rules, path)


def _as_build(value: Any, mark: Mark = Mark("", 0, 0)) -> Map:  # noqa: B008  a Mark is a frozen tuple
    if isinstance(value, Map):
        return value
    build = Map(mark=mark)
    if isinstance(value, str):
        build.put("context", value, mark, mark)
    return build


def _named(base: Any, override: Any, rules: Rules[Merger] | None, path: Path, _mark: Mark) -> Any:
    return mappings(as_mapping(base), as_mapping(override), rules, path)


_STARTED = Map((("condition", "service_started"), ("required", True)))


def _dependencies(base: Any, override: Any, rules: Rules[Merger] | None, path: Path, _mark: Mark) -> Any:
    return mappings(as_mapping(base, _STARTED), as_mapping(override, _STARTED), rules, path)


def _logging(base: Any, override: Any, rules: Rules[Merger] | None, path: Path, mark: Mark) -> Any:
    """Options belong to a driver: they merge only where the driver stays the same or one side names none."""
    if not (isinstance(base, Map) and isinstance(override, Map)):
        return _by_kind(base, override, rules, path, mark)
    if "driver" in base and "driver" in override and base["driver"] != override["driver"]:
        return override
    return mappings(base, override, rules, path)


def _pools(base: Any, override: Any, rules: Rules[Merger] | None, path: Path, mark: Mark) -> Any:
    """Address pools are the same pool where they have the same subnet."""
    if not (isinstance(base, Seq) and isinstance(override, Seq)):
        return _by_kind(base, override, rules, path, mark)
    pools: dict[Any, tuple[Any, Mark]] = {}
    for index, pool in enumerate(base):
        pools[_subnet(pool)] = (pool, base.mark_of(index))
    for index, pool in enumerate(override):
        key, before = _subnet(pool), pools.get(_subnet(pool))
        both = before is not None and isinstance(before[0], Map) and isinstance(pool, Map)
        merged = mappings(before[0], pool, None, path) if both and before is not None else pool
        pools[key] = (merged, override.mark_of(index))
    return Seq([pool for pool, _ in pools.values()], base.mark, [place for _, place in pools.values()])


def _subnet(pool: Any) -> Any:
    return repr(pool.get("subnet")) if isinstance(pool, Map) else id(pool)


def _table() -> dict[str, Merger]:
    service: dict[Merger, str] = {
        _replace: "command entrypoint healthcheck.test ulimits.*",
        _listed: (
            "annotations build.args build.additional_contexts build.labels deploy.labels dns dns_opt dns_search "
            "env_file "
            "label_file environment labels volumes.*.volume.labels sysctls tmpfs"
        ),
        _hosts: "build.extra_hosts extra_hosts",
        _build: "build",
        _dependencies: "depends_on",
        _named: "models networks",
        _logging: "logging",
    }
    rules = {f"services.*.{path}": merger for merger, paths in service.items() for path in paths.split()}
    rules |= {"networks.*.labels": _listed, "volumes.*.labels": _listed, "networks.*.ipam.config": _pools}
    return rules


RULES: Rules[Merger] = patterns.table(_table())
