"""Whose a container, network or volume is: a stack from elsewhere names its own, those it was granted, and new ones."""

from __future__ import annotations

from typing import Any

from orchestrator.admission import reading
from orchestrator.admission.judging import Judge, shown

HOST = "host"


def container(judge: Judge, field: str, name: str) -> None:
    """A container that is named must be this stack's, or granted."""
    _owned(judge, "container", judge.grants.containers, field, name)


def volume(judge: Judge, field: str, name: str) -> None:
    """A volume that is named must be this stack's, granted, or one that nobody has yet."""
    _owned(judge, "volume", judge.grants.volumes, field, name)


def network(judge: Judge, field: str, name: str) -> None:
    """A network that is named must be this stack's, granted, or one that nobody has yet."""
    if name.lower() == HOST:
        judge.refuse("host-network", field, name, "the host's network")
    else:
        _owned(judge, "network", judge.grants.networks, field, name)


def link(judge: Judge, field: str, value: Any) -> None:
    container(judge, field, reading.text(value).partition(":")[0].removeprefix("/"))


def _owned(judge: Judge, kind: str, granted: tuple[str, ...], field: str, name: str) -> None:
    setting = judge.setting
    owner = judge.world.owner(kind, name)
    if owner == setting.stack or name in granted:
        return
    if owner is not None:
        whose = f"stack {owner}" if owner else "no stack"
        judge.refuse(f"foreign-{kind}", field, name, f"{kind} {shown(name)} belongs to {whose}")
    elif taken_from(name, setting.stack, setting.others):
        judge.refuse(f"foreign-{kind}", field, name, f"{kind} {shown(name)} bears another stack's name")


def taken_from(name: str, stack: str, others: frozenset[str]) -> str:
    """The other stack whose generated names a name is like, "" for none; the longest name counts."""
    fitting = [one for one in (*others, stack) if name.startswith((f"{one}_", f"{one}-"))]
    longest = max(fitting, key=len, default=stack)
    return "" if longest == stack else longest
