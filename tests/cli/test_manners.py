"""How the command line is spoken: names, options, exit codes and streams."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orchestrator.cli import reader
from orchestrator.cli.declare import flag
from orchestrator.cli.options import Shared
from orchestrator.errors import UsageError
from orchestrator.records import dataclass
from orchestrator.version import VERSION
from tests.cli.conftest import Shell

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("args", [("version",), ("--version",), ("-v",)])
def test_the_version_is_said_in_three_ways(shell: Shell, args: tuple[str, ...]) -> None:
    assert f"stack version {VERSION}\n" == shell(*args).ok().out


def test_the_version_has_a_short_and_a_json_form(shell: Shell) -> None:
    assert f"{VERSION}\n" == shell("version", "--short").ok().out
    assert {"version": VERSION} == shell("version", "-f", "json").ok().json


def test_the_packaging_has_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"].get("version", VERSION) == VERSION


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_the_commands(shell: Shell, args: tuple[str, ...]) -> None:
    page = shell(*args).ok().out
    assert "  up " in page
    assert "  plan " in page
    assert "--project-name" in page


@pytest.mark.parametrize("args", [("image",), ("image", "--help"), ("help", "image"), ("-p", "x", "image")])
def test_a_group_alone_lists_its_commands(shell: Shell, args: tuple[str, ...]) -> None:
    page = shell(*args).ok().out
    assert "Usage: stack image" in page
    assert "  image prune " in page


def test_a_command_of_a_group_has_a_page_and_a_suggestion(shell: Shell) -> None:
    assert "--no-trunc" in shell("image", "history", "--help").ok().out
    assert "did you mean `stack image history`" in shell("image", "histroy").failed(2).err


@pytest.mark.parametrize("args", [("up", "--help"), ("help", "up"), ("up", "-h"), ("-p", "x", "up", "-d", "--help")])
def test_help_of_a_command_lists_its_options(shell: Shell, args: tuple[str, ...]) -> None:
    page = shell(*args).ok().out
    assert "--detach" in page
    assert "--remove-orphans" in page


def test_an_unknown_command_is_answered_with_what_was_meant(shell: Shell) -> None:
    said = shell("dwn").failed(2)
    assert "error: unknown-command\n  unknown command 'dwn'\n  hint: did you mean `stack down`?\n" == said.err
    assert "" == said.out


def test_an_unknown_option_is_answered_with_what_was_meant(shell: Shell) -> None:
    assert "did you mean --detach" in shell("up", "--detatch").failed(2).err


def test_an_option_that_is_not_built_yet_is_refused_and_not_ignored() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Options:
        soon: bool = flag("--soon", later=True)

    with pytest.raises(UsageError, match="option --soon of `stack up` is not supported yet"):
        reader.after_command("up", ["--soon"], Options, Shared, {})


@pytest.mark.parametrize(
    "args",
    [("-p", "other", "config"), ("config", "-p", "other"), ("config", "--project-name=other"), ("config", "-pother")],
)
def test_global_options_stand_before_and_after_the_command(shop: Shell, args: tuple[str, ...]) -> None:
    assert "name: other\n" in shop(*args).ok().out


def test_files_before_and_after_the_command_are_merged_in_order(shop: Shell) -> None:
    shop.write("services: {web: {image: 'web:2'}}", "more.yml")
    assert ["db:1", "web:2"] == sorted(shop("-f", "app.yml", "config", "--images", "-f", "more.yml").ok().out.split())


def test_the_letter_f_means_follow_to_logs(shop: Shell) -> None:
    shop("up", "-d").ok()
    assert "web-1  | shop-web-1 says hello" in shop("logs", "-f", "web").ok().out


def test_what_stands_behind_the_service_belongs_to_the_command_that_is_executed(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("exec", "web", "ls", "-f", "--nonsense").ok()


def test_switches_take_true_and_false(shop: Shell) -> None:
    shop("up", "--detach=true", "--menu=false").ok()
    assert "takes true or false" in shop("up", "--detach=maybe").failed(2).err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("exec", "web"), "needs COMMAND"),
        (("version", "x"), "does not take the argument 'x'"),
        (("up", "-t", "soon"), "needs a whole number, not 'soon'"),
        (("up", "-t"), "option -t of `stack up` needs a value"),
        (("up", "--pull", "perhaps"), "one of"),
        (("--progress", "loud", "ps"), "'loud' is no value of option --progress"),
        (("up", "-d", "--abort-on-container-exit"), "contradict each other"),
        (("up", "--build", "--no-build"), "contradict each other"),
        (("up", "--scale", "web=x"), "does not say how many"),
        (("logs", "--index", "1"), "--index needs exactly one service"),
        (("logs", "--since", "tomorrowish"), "does not understand the time"),
    ],
)
def test_usage_errors_say_what_is_wrong_and_exit_with_2(shop: Shell, args: tuple[str, ...], message: str) -> None:
    said = shop(*args).failed(2)
    assert message in said.err
    assert "" == said.out


def test_a_fault_in_the_file_names_file_line_and_path_and_exits_with_2(shop: Shell) -> None:
    shop.change("image: web:1", "imagge: web:1")
    said = shop("up", "-d").failed(2)
    assert "app.yml:8:" in said.err
    assert "services.web" in said.err
    assert "Traceback" not in said.err


def test_errors_are_json_for_those_who_asked_for_json(shop: Shell) -> None:
    shop.change("image: web:1", "imagge: web:1")
    record = json.loads(shop("--progress", "json", "up", "-d").failed(2).err.splitlines()[-1])
    assert record["error"] is True
    assert "app.yml:8" in record["where"]


def test_a_service_that_is_not_there_is_no_usage_error(shop: Shell) -> None:
    """As with Compose: the words are understood, the thing is missing."""
    assert "no such service: nosuch\n" in shop("up", "nosuch").failed(1).err


def test_debug_shows_where_an_error_comes_from(shop: Shell) -> None:
    assert "Traceback" in shop("--debug", "up", "nosuch").failed(1).err


def test_a_reader_that_goes_away_is_no_error(shop: Shell) -> None:
    command = [sys.executable, "-m", "orchestrator", "config"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=shop.folder, env=shop.environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        talk = process.stderr.read()
    assert b"" == talk
    assert process.returncode in (0, 141)


def test_a_command_imports_nothing_third_party_that_it_does_not_need(shop: Shell) -> None:
    """Start-up time is a feature: what a command does not use is not loaded."""
    script = """
import sys
from orchestrator.cli.main import main
main(sys.argv[1:])
heavy = {"typer", "rich", "docker", "networkx", "jsonschema", "asyncio", "logging", "http.client"}
sys.exit(" ".join(sorted(heavy & sys.modules.keys())) or 0)
"""
    for args in (["version"], ["--help"], ["ps", "-p", "shop"], ["config"], ["up", "-d"]):
        ended = subprocess.run(
            [sys.executable, "-c", script, *args], capture_output=True, text=True, check=False, env=shop.environment
        )
        assert 0 == ended.returncode, (args, ended.stderr)
