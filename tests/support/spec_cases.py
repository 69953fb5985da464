"""Case files of the loader: a sentence, the files of a small project, and the model, the error or the warnings they
give.

::

    A later file's scalar replaces the earlier one's.
    ==== compose.yaml
    services: {web: {image: "nginx:1"}}
    ==== other.yaml
    services: {web: {image: "nginx:2"}}
    ==== <arguments>
    -f compose.yaml -f other.yaml
    ==== <model>
    ...

A section is a file of the project or, in angle brackets, something else: ``<environment>`` (KEY=VALUE lines),
``<arguments>``, ``<directory>`` to stand in, and what is expected: ``<model>`` (as YAML, ``{here}`` stands for the
project), ``<error>`` (text that the error must hold, line by line), ``<warnings>`` (the same). ``<compose>`` says why
Compose's answer is not ours.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import StackError
from orchestrator.spec import parse, render
from orchestrator.spec.document import Map, Seq
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical

CASES = Path(__file__).parent.parent / "unit" / "spec" / "cases"
_MARK = "==== "
PLAIN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/home/someone"}


@dataclass(frozen=True)
class Case:
    """One case file."""

    name: str
    sentence: str
    files: Mapping[str, str]
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.said.get("arguments", ""))

    @property
    def environment(self) -> dict[str, str]:
        lines = self.said.get("environment", "").splitlines()
        return PLAIN_ENVIRONMENT | dict(line.split("=", 1) for line in lines if line)

    def write(self, directory: Path) -> Path:
        """Write the project's files; the directory to stand in."""
        for name, text in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{here}", str(directory)), encoding="utf-8")
        here = directory / self.said.get("directory", "").strip()
        here.mkdir(parents=True, exist_ok=True)
        return here


def read(path: Path, root: Path = CASES) -> Case:
    """The case in a file."""
    sentence, *sections = f"\n{path.read_text(encoding='utf-8')}".split(f"\n{_MARK}")
    files: dict[str, str] = {}
    said: dict[str, str] = {}
    for section in sections:
        title, _, body = section.partition("\n")
        if title.startswith("<"):
            said[title.strip("<> ")] = body
        else:
            files[title.strip()] = body + "\n" if body else ""
    return Case(str(path.relative_to(root).with_suffix("")), sentence.strip(), files, said)


def all_cases() -> list[Case]:
    """Every case file, by name."""
    return [read(path) for path in sorted(CASES.rglob("*.case"))]


def request(arguments: list[str], environment: Mapping[str, str], here: Path) -> LoadRequest:
    """The request that ``stack config`` would make of these arguments."""
    options = _options().parse_args(arguments)
    return LoadRequest(
        files=tuple(options.file),
        environment=environment,
        project_directory=options.project_directory,
        project_name=options.project_name,
        env_files=tuple(options.env_file),
        profiles=tuple(options.profile),
        services=tuple(options.services),
        current_directory=str(here),
        interpolate=not options.no_interpolate,
        normalize=not options.no_normalize,
        resolve_paths=not options.no_path_resolution,
        resolve_env=not options.no_env_resolution,
        consistency=not options.no_consistency,
        all_resources=options.all_resources,
    )


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("-f", "--file", action="append", default=[])
    parser.add_argument("-p", "--project-name", default="")
    parser.add_argument("--project-directory", default="")
    parser.add_argument("--env-file", action="append", default=[])
    parser.add_argument("--profile", action="append", default=[])
    for flag in ("interpolate", "normalize", "path-resolution", "env-resolution", "consistency"):
        parser.add_argument(f"--no-{flag}", action="store_true")
    parser.add_argument("--all-resources", action="store_true")
    parser.add_argument("services", nargs="*")
    return parser


def load(case: Case, directory: Path) -> Canonical | StackError:
    """What the loader makes of the case, its files written below ``directory``."""
    here = case.write(directory)
    environment = {key: value.replace("{here}", str(directory)) for key, value in case.environment.items()}
    arguments = [argument.replace("{here}", str(directory)) for argument in case.arguments]
    try:
        return load_canonical(request(arguments, environment, here))
    except StackError as error:
        return error


def printed(canonical: Canonical) -> object:
    """The model as a reader of what ``stack config`` prints sees it."""
    return plain(render.to_yaml(canonical))


def plain(text: str) -> object:
    """A YAML text as plain values."""
    return _plain(parse.parse(text.encode(), "text")[0].root)


def _plain(value: object) -> object:
    if isinstance(value, Map):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, Seq) else value
