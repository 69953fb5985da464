"""The reference of the commands is what the commands declare, and man can show it."""

from __future__ import annotations

import re
import subprocess

import pytest

from orchestrator.cli import reference, table
from scripts.machine import packages
from scripts.machine.commands import ROOT

PAGES = reference.pages()


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
