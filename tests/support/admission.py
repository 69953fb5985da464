"""The matrix of what stacks from elsewhere may not ask for: ``tests/unit/admission/forbidden.txt`` as values.

::

    ==== rule: what it is about
    ---- a spelling
    privileged: true  # !
    >>>> base.yml
    ...

A spelling is a whole spec, or the body of its service ``web``. What follows ``>>>>`` is a further file, ``name -> target`` a link,
``<policy>`` the host's policy. ``# !`` marks the line that has to be named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.admission.check import Nobody, findings
from orchestrator.admission.hardening import hardened
from orchestrator.admission.judging import Setting
from orchestrator.admission.spec_rules import Path as ModelPath
from orchestrator.model.admission import Admission
from orchestrator.model.front import IMAGE as FRONT_IMAGE
from orchestrator.model.probe import IMAGE as PROBE_IMAGE
from orchestrator.model.stack import Stack
from orchestrator.spec.document import Map
from orchestrator.spec.host import permits_of
from orchestrator.spec.load import LoadRequest, load_canonical, stack_of

__all__ = ["Case", "ModelPath", "forbidden", "judged", "loaded"]

FORBIDDEN = Path(__file__).parent.parent / "unit" / "admission" / "forbidden.txt"
_WHOLE = re.compile(r"(services|include|x-[a-z]+|name):")
_HERE = "# !"
STACK = "shop"


@dataclass(frozen=True)
class Case:
    rule: str
    about: str
    spelling: str
    files: Mapping[str, str]
    links: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""

    def __str__(self) -> str:
        return f"{self.rule}-{self.about}-{self.spelling}".replace(" ", "_")

    @property
    def place(self) -> tuple[str, int] | None:
        """The file and line that has to be named."""
        for name, text in self.files.items():
            for number, line in enumerate(text.splitlines(), 1):
                if _HERE in line:
                    return name, number
        return None

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text)
        for name, target in self.links.items():
            os.symlink(target, folder / name)


def forbidden() -> list[Case]:
    return list(_cases(FORBIDDEN.read_text()))


def _cases(text: str) -> Iterator[Case]:
    for construct in text.split("==== ")[1:]:
        head, _, rest = construct.partition("\n")
        rule, _, about = head.partition(": ")
        for spelling in rest.split("---- ")[1:]:
            name, _, body = spelling.partition("\n")
            yield _case(rule, about, name, body)


def _case(rule: str, about: str, spelling: str, body: str) -> Case:
    first, *others = body.split(">>>> ")
    files, links, policy = {"app.yml": _spec(first)}, {}, ""
    for other in others:
        name, _, content = other.partition("\n")
        name, arrow, target = name.partition(" -> ")
        if arrow:
            links[name] = target
        elif name == "<policy>":
            policy = content
        else:
            files[name] = content
    return Case(rule, about, spelling, files, links, policy)


def _spec(text: str) -> str:
    if _WHOLE.match(text):
        return text
    image = "" if re.match(r"(image|extends|build):", text) else "    image: busybox\n"
    return "services:\n  web:\n" + image + "".join(f"    {line}\n" for line in text.splitlines())


def loaded(folder: Path, variables: Mapping[str, str] | None = None) -> tuple[Stack, Map]:
    """The stack in a folder as a repository's is loaded, and its model."""
    canonical = load_canonical(
        LoadRequest(
            files=(str(folder / "app.yml"),),
            environment={"HOME": "/root", **(variables or {})},
            current_directory=str(folder),
            project_name=STACK,
        )
    )
    return stack_of(canonical, key=b"k" * 32, store_folder=_store(folder.parent)), canonical.model


def _store(folder: Path) -> str:
    """External configs and secrets of the host."""
    for name in ("secrets/db_password", "configs/settings", "configs/common"):
        path = folder / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        path.chmod(0o600)
    return str(folder / "store")


def setting(stack: Stack, root: Path, grants: Admission) -> Setting:
    return Setting(
        stack=STACK,
        grants=grants,
        roots=(str(root),),
        built=frozenset(one.container.image for one in stack.services.values() if one.build),
        trusted=frozenset((FRONT_IMAGE, PROBE_IMAGE)),
        kept=f"/run/stack/secrets/{STACK}",
        others=frozenset(("other",)),
    )


def judged(folder: Path, policy: str = "") -> list[tuple[str, str, int]]:
    """What is found of the stack in a folder: rule, file (within the folder) and line."""
    policy_file = folder.parent / f"{folder.name}.policy.yml"
    policy_file.write_text(policy or "{}")
    stack, model = loaded(folder)
    grants = permits_of(str(policy_file)).every
    found = findings(hardened(stack, grants), model, setting(stack, folder, grants), Nobody())
    return [(one.violation.rule, _within(folder, one.where.file), one.where.line) for one in found]


def _within(folder: Path, shown: str) -> str:
    """Files are shown as seen from the folder."""
    return os.path.relpath(folder / shown, folder)
