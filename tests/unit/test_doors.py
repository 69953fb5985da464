"""One door for each third-party package, and no door opened before it is needed (design: settled decisions)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.machine.commands import ROOT

PACKAGE = ROOT / "orchestrator"
DOORS = {
    "yaml": "spec",
    "jsonschema": "spec",
    "networkx": "graph",
    "docker": "engines",
    "watchdog": "watch",
    "typer": "cli",
    "starlette": "api",
    "uvicorn": "api",
    "prometheus_client": "api",
    "pyrage": "secrets",
    "cryptography": "secrets",
}


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The top names of absolute imports, and whether the import runs as soon as the module is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node in tree.body) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0], node in tree.body


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_each_third_party_package_is_imported_in_one_room_only() -> None:
    stray = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name, _ in imports(path)
        if DOORS.get(name, room(path)) != room(path)
    ]
    assert [] == stray


def test_only_known_packages_and_the_standard_library_are_imported() -> None:
    known = {*sys.stdlib_module_names, *DOORS, "orchestrator"}
    assert set() == {name for path in PACKAGE.rglob("*.py") for name, _ in imports(path)} - known


def test_dataclasses_come_from_the_module_that_makes_them_cheap() -> None:
    """`orchestrator/records.py` says why; it has the same names: `from orchestrator.records import dataclass`."""
    stray = [
        str(path.relative_to(ROOT))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "records.py" and "dataclasses" in {name for name, _ in imports(path)}
    ]
    assert [] == stray


@pytest.mark.parametrize("words", [["version"], ["--help"]], ids=" ".join)
def test_a_command_that_needs_no_file_and_no_engine_imports_no_third_party_package(words: list[str]) -> None:
    script = f"""
import sys
from orchestrator.cli.main import main
main({words!r})
print(sorted({{name.partition('.')[0] for name in sys.modules}} & set({sorted(DOORS)!r})), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "[]" == done.stderr.strip()
