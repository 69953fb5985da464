"""What is offered when Tab is pressed: commands, options, values and names, wherever the cursor stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli import table
from orchestrator.cli.completion import kept
from tests.cli.conftest import Shell

SPEC = """
    name: shop
    services:
      db: {image: "db:1", volumes: ["data:/x"], networks: [back]}
      web: {image: "${UNSET?}", profiles: [front], networks: [back]}
      worker: {image: "w:1", profiles: [back-office]}
    volumes: {data: }
    networks: {back: }
"""


@pytest.fixture
def tab(shell: Shell, tmp_path: Path) -> Shell:
    shell.set("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shell.set("STACK_DEBUG_COMPLETION", "1")
    shell.write(SPEC)
    return shell


def offered(tab: Shell, line: str) -> list[str]:
    """The directive, then the words."""
    answer = tab("__complete", "bash", line, " \t\n\"'><=;|&(:").ok().out.splitlines()
    return [line.partition("\t")[0] for line in answer]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stack up", ["up"]),
        ("stack exe", ["exec"]),
        ("stack -f app.yml -p x --ansi never grap", ["graph"]),
        ("stack image hi", ["history"]),
        ("stack help image pru", ["prune"]),
        ("stack bridge tr", ["transformations"]),
        ("stack bridge transformations li", ["list"]),
        ("stack up ", ["db", "web", "worker"]),
        ("stack up -d db w", ["web", "worker"]),
        ("stack up 'w", ["web", "worker"]),
        ("stack up --detac", ["--detach"]),
        ("stack up --project-d", ["--project-directory"]),
        ("stack up -- --deta", []),
        ("stack graph --format s", ["svg"]),
        ("stack graph --format=s", ["svg"]),
        ("stack --ansi al", ["always"]),
        ("stack --profile ", ["back-office", "front"]),
        ("stack --profile fr", ["front"]),
        ("stack inspect --type volume ", ["data"]),
        ("stack inspect --type network b", ["back"]),
        ("stack logs --tail 5 d", ["db"]),
        ("stack exec d", ["db"]),
    ],
)
def test_what_stands_at_the_cursor_is_offered(tab: Shell, line: str, words: list[str]) -> None:
    assert ["words", *words] == offered(tab, line)


def test_a_commands_own_options_come_before_the_shared_ones(tab: Shell) -> None:
    found = offered(tab, "stack version --")[1:]
    assert found.index("--short") < found.index("--project-name")


@pytest.mark.parametrize(
    ("line", "directive"),
    [
        ("stack -f ", "files"),
        ("stack --project-directory ", "dirs"),
        ("stack exec db ls /e", "files"),
        ("stack save -o ", "files"),
    ],
)
def test_files_are_left_to_the_shell(tab: Shell, line: str, directive: str) -> None:
    assert [directive] == offered(tab, line)


def test_no_blank_follows_where_something_has_to(tab: Shell) -> None:
    assert ["nospace", "db=", "web=", "worker="] == offered(tab, "stack up --scale ")


def test_every_command_is_offered_with_what_it_is_for(tab: Shell) -> None:
    lines = tab("__complete", "zsh", "--", "stack", "").ok().out.splitlines()[1:]
    told = dict(line.split("\t") for line in lines)
    assert {row.name for row in table.ROWS if " " not in row.name and not row.hidden} <= set(told)
    assert "Docker" in told["version"] or told["version"]


def test_names_follow_the_file_and_a_new_file_above_or_here(tab: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "db" in offered(tab, "stack up ")
    tab.change("worker:", "cleaner:")
    assert "cleaner" in offered(tab, "stack up ")
    below = tab.folder / "sub"
    below.mkdir()
    monkeypatch.chdir(below)
    assert "cleaner" in offered(tab, "stack up ")
    tab.write("services: {nearer: {image: i}}", "sub/compose.yaml")
    assert ["words", "nearer"] == offered(tab, "stack up ")
    assert ["words", "cleaner"] == offered(tab, "stack -f ../app.yml up c")


def test_a_file_that_cannot_be_read_offers_nothing_and_says_nothing(tab: Shell) -> None:
    tab.write("services: [")
    said = tab("__complete", "bash", "stack up ", ":=").ok()
    assert ("words\n", "") == (said.out, said.err)
    assert ["words", "--detach"] == offered(tab, "stack up --deta")


def test_a_damaged_or_foreign_kept_answer_is_made_anew(tab: Shell, tmp_path: Path) -> None:
    before = offered(tab, "stack up ")
    for path in (tmp_path / "cache" / "stack").iterdir():
        path.write_bytes(b"\x00nonsense")
    assert before == offered(tab, "stack up ")


def test_a_cache_that_cannot_be_written_does_no_harm(tab: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    tab.set("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "db" in offered(tab, "stack up ")


def test_a_kept_answer_belongs_to_what_it_was_made_from(tmp_path: Path) -> None:
    source = tmp_path / "source"
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    made: list[int] = []

    def make() -> tuple[int, list[str]]:
        made.append(len(made))
        return made[-1], [str(source)]

    assert [0, 0] == [kept.recall(environment, "k", make) for _ in range(2)]
    source.write_text("x")
    assert [1, 1] == [kept.recall(environment, "k", make) for _ in range(2)]
    assert 2 == kept.recall(environment, "other", make)


def test_once_kept_an_answer_loads_no_command_no_loader_and_no_engine(tab: Shell) -> None:
    offered(tab, "stack up ")
    script = """
import sys
from orchestrator.cli.main import main
main(["__complete", "bash", "stack up ", ":="])
print([name for name in sys.modules if name.startswith(("orchestrator.cli.commands", "orchestrator.spec",
    "orchestrator.engines", "json", "typing", "yaml"))], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=tab.environment, capture_output=True, text=True, check=True
    )
    assert "[]" == done.stderr.strip()
    assert "db" in done.stdout


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_is_printed(tab: Shell, name: str) -> None:
    assert f"__complete {name}" in tab("completion", name).ok().out


def test_an_unknown_shell_is_refused(tab: Shell) -> None:
    assert "one of bash, zsh, fish" in tab("completion", "tcsh").failed(2).err
