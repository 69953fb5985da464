"""The reference of the commands is what the commands declare, and man can show it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import reference, table
from orchestrator.resources import schema_path
from orchestrator.spec.host import load_host
from scripts.machine import packages
from scripts.machine.commands import ROOT

PAGES = reference.pages()
WRITTEN = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
WRITTEN["README.md"] = (ROOT / "README.md").read_text(encoding="utf-8")
HOST_FILES = [
    pytest.param(text, id=f"{page}-{number}")
    for page, whole in sorted(WRITTEN.items())
    for number, text in enumerate(re.findall(r"^```yaml\n(# host\.yml\n.*?)^```", whole, re.DOTALL | re.MULTILINE))
]


def test_the_reference_in_the_repository_is_current() -> None:
    """`./scripts/docs` writes it."""
    kept = {path for folder in ("docs/commands", "man/man1") for path in (ROOT / folder).iterdir()}
    assert set(PAGES) == {str(path.relative_to(ROOT)) for path in kept}
    stale = [path for path, text in PAGES.items() if (ROOT / path).read_text(encoding="utf-8") != text]
    assert [] == stale


def test_every_command_has_a_page_and_every_link_leads_to_one() -> None:
    assert {f"docs/commands/{row.name.replace(' ', '-')}.md" for row in table.ROWS if not row.hidden} < set(PAGES)
    for path, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#]+)", text):
            assert f"docs/commands/{target}" in PAGES, (path, target)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "docs/coming-from-compose.md"])
def test_links_to_files_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert targets
    assert [] == [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()]


def test_commands_that_the_pages_name_exist() -> None:
    known = {word for row in table.ROWS for word in row.name.split()[:1]}
    for page in ("README.md", "README.zh-CN.md", "docs/coming-from-compose.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert set() == set(re.findall(r"`stack ([a-z]+)", text)) - known, page


@pytest.mark.parametrize("name", ["stack", "stack-up", "stack-image-ls"])
def test_man_pages_are_read_without_complaint(name: str) -> None:
    packages.have({"groff": "groff-base"})
    words = ["groff", "-ww", "-man", "-Tascii", str(ROOT / f"man/man1/{name}.1")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "" == done.stderr
    assert "OPTIONS" in done.stdout


def test_a_page_says_what_the_declaration_says() -> None:
    page = PAGES["docs/commands/du.md"]
    assert "$ stack du [OPTIONS]" in page
    assert "| `--format HOW` |" in page
    assert r"\-\-details" in PAGES["man/man1/stack-du.1"]


@pytest.mark.parametrize("text", HOST_FILES)
def test_every_host_file_that_the_pages_show_is_one(text: str, tmp_path: Path) -> None:
    """As it stands there, but for where files of secrets lie."""
    (tmp_path / "webhook-secret").write_text("s" * 32)
    (tmp_path / "host.yml").write_text(text.replace("/etc/stack", str(tmp_path)))
    host = load_host(str(tmp_path / "host.yml"))

    assert host.sources or host.stacks


def test_the_pages_show_host_files() -> None:
    assert {"docs/gitops.md", "docs/secrets.md", "README.md"} <= {
        str(case.id).rpartition("-")[0] for case in HOST_FILES
    }


def keys(schema: Any) -> Iterator[str]:
    """All that may stand in a file, however deep."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from keys(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from keys(part)


def test_every_key_of_a_host_file_is_told_of_on_a_page() -> None:
    schema = json.loads(Path(schema_path("host")).read_text(encoding="utf-8"))
    code = " ".join(text for page in WRITTEN.values() for text in re.findall(r"```.*?```|`[^`\n]+`", page, re.DOTALL))

    assert [] == sorted(key for key in set(keys(schema)) if not re.search(rf"(?<![\w-]){key}(?![\w-])", code))
