"""The stacks that sources of ``host.yml`` name by themselves: where they lie, and that nobody else claims their names."""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.errors import RuleViolation, Where
from orchestrator.model.host import GitHostSource, HostStack


def folder(path: str, where: Where) -> str:
    """The folder in the repository. Raises RuleViolation for one outside of it."""
    normal = os.path.normpath(path)
    if os.path.isabs(normal) or normal.split(os.sep)[0] == "..":
        raise RuleViolation(
            f"`{path}` leads out of the repository", where=where, hint="write the path from the repository's root"
        )
    return normal


def check_claims(stacks: Mapping[str, HostStack], sources: Mapping[str, GitHostSource]) -> None:
    """Raises RuleViolation where two entries of a host file claim the same stack, with both places."""
    claims: dict[str, Where] = {name: stack.where for name, stack in stacks.items()}
    for source in sources.values():
        for name, one in source.listed.items():
            where = one.settings.where
            if name in claims:
                raise RuleViolation(
                    f'two entries claim the stack "{name}": the other one is at {claims[name]}',
                    where=where,
                    hint="a stack has one place that it comes from; give one of them another name, or leave it out",
                    reference="claimed-twice",
                )
            claims[name] = where
