"""From the final model to the ``Stack`` that is planned for: typed, in the engine's units, with contents read.

The outline: contents of configs and secrets first (read once, with problems at their own place), then the services,
then networks, volumes and models. Every bad value of the project is reported together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from orchestrator.errors import RuleViolation
from orchestrator.model.front_ends import with_front_ends
from orchestrator.model.stack import AddressPool, LanguageModel, Network, RollbackScope, SecretPlace, Stack, Volume
from orchestrator.spec import limits
from orchestrator.spec.build_container import count
from orchestrator.spec.build_service import Builder
from orchestrator.spec.contents import Contents
from orchestrator.spec.document import Map
from orchestrator.spec.limits import Limits
from orchestrator.spec.places import Places
from orchestrator.spec.reading import DISK, Files
from orchestrator.spec.records import Record, Row, attributes, complete, each, pairs, rows, same, texts
from orchestrator.spec.rewrite import as_error
from orchestrator.spec.values import BadValue

T = TypeVar("T")

POOL: Record[AddressPool] = Record(
    AddressPool, {**rows(same, "subnet ip_range gateway"), "aux_addresses": Row("aux_addresses", pairs)}
)
IPAM = {"driver": Row("ipam_driver", same), "options": Row("ipam_options", pairs), "config": Row("ipam", each(POOL))}
NETWORK = {
    **rows(same, "name external driver internal attachable enable_ipv4 enable_ipv6"),
    **rows(pairs, "driver_opts labels"),
    "ipam": Row("ipam", lambda node: attributes(node, IPAM)),
}
OWN_OF_VOLUME = rows(same, "protect exclusive")
OWN_OF_STACK = {"rollback": Row("rollback", RollbackScope), "secrets": Row("secrets", SecretPlace)}
VOLUME = {**rows(same, "name external driver"), **rows(pairs, "driver_opts labels")}
MODEL = {**rows(same, "model name"), "context_size": Row("context_size", count), **rows(texts, "runtime_flags")}


def to_stack(
    model: Map,
    *,
    name: str,
    working_dir: str = "",
    config_files: tuple[str, ...] = (),
    environment_files: tuple[str, ...] = (),
    disabled: Collection[str] = (),
    key: bytes = b"",
    separator: str = "-",
    bounds: Limits = limits.DEFAULTS,
    read_contents: bool = True,
    sources: tuple[str, ...] = (),
    store: str = "",
    disk: Files = DISK,
    secret_values: frozenset[str] = frozenset(),
) -> Stack:
    """The stack that ``model`` (final, checked) describes; ``RuleViolation`` for values that no engine could take.

    ``read_contents`` False leaves the files of configs and secrets unread, for commands that start no container. ``store`` is the
    folder where the host keeps those that are external. What comes from a file that was encrypted is kept in memory alone.
    ``secret_values`` are further texts to be masked.
    """
    try:
        own = attributes(model.get("x-stack") or {}, OWN_OF_STACK)
        in_memory = own.get("secrets") is SecretPlace.TMPFS
        contents = Contents(model, key, read=read_contents, store=store, in_memory=in_memory, disk=disk)
        builder = Builder(model, name, working_dir, contents, bounds, separator)
        made = Stack(
            name=name,
            services=_section(model, "services", builder.service),
            networks=_section(model, "networks", _network),
            volumes=_section(model, "volumes", _volume),
            models=_section(model, "models", _model),
            after=_after(model),
            disabled=frozenset(disabled),
            working_dir=working_dir,
            config_files=config_files,
            environment_files=environment_files,
            sources=(*sources, *contents.were_encrypted),
            stored=tuple(contents.stored),
            places=Places(model),
            secret_values=secret_values.union(text for text in contents.secret_values if text),
            key=key,
            separator=separator,
            **own,
        )
        return with_front_ends(made)
    except BadValue as bad:
        raise as_error(model, bad, RuleViolation) from None


def _section(model: Map, section: str, make: Callable[[str, Any], T]) -> dict[str, T]:
    made: dict[str, T] = {}
    problems = []
    for key, node in (model.get(section) or {}).items():
        try:
            made[key] = make(key, node)
        except BadValue as bad:
            problems += [((section, key, *path), message, hint) for path, message, hint in bad.problems]
    if problems:
        raise BadValue(problems=problems)
    return made


def _network(key: str, node: Mapping[str, Any] | None) -> Network:
    given = attributes(node or {}, NETWORK)
    pools = given.pop("ipam", {})
    return Network(key=key, **{"name": key, **given, **pools})


def _volume(key: str, node: Mapping[str, Any] | None) -> Volume:
    own = attributes((node or {}).get("x-stack") or {}, OWN_OF_VOLUME)
    return Volume(key=key, **{"name": key, **attributes(node or {}, VOLUME)}, **own)


def _after(model: Map) -> tuple[str, ...]:
    own = model.get("x-stack")
    named = own.get("after") if isinstance(own, dict) else None
    return (named,) if isinstance(named, str) else tuple(named or ())


def _model(key: str, node: Mapping[str, Any]) -> LanguageModel:
    return complete(LanguageModel, MODEL, {"key": key, **attributes(node, MODEL)})
