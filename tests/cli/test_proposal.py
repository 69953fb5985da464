"""`stack plan` of another commit, on the memory engine: of a source without a daemon, and of a repository that no host file names."""

from __future__ import annotations

import json

import jsonschema
import pytest
from referencing import Registry, Resource

from tests.cli.conftest import ROOT, Said, Shell
from tests.support.gitrepos import Repo

APP = "services:\n  db: {{image: db:1}}\n  web: {{image: 'web:{version}', labels: {{a: '{label}'}}}}\n"
CANARY = "k4n4ry-7f3a99c2e1"
FORMATS = ("text", "json", "markdown")


@pytest.fixture
def repo(shell: Shell) -> Repo:
    made = Repo(shell.folder / "repo")
    made.write("stacks/shop/app.yml", APP.format(version=1, label="one"))
    made.commit()
    (shell.folder / "host.yml").write_text(f"sources: {{infra: {{url: ./repo, variables: {{GIVEN: {CANARY}}}}}}}\n")
    shell.set("STACK_STATE_DIR", str(shell.folder / "state"))
    return made


def branch(repo: Repo, text: str) -> str:
    repo.git("checkout", "--quiet", "-B", "change", "main")
    repo.write("stacks/shop/app.yml", text)
    commit = repo.commit()
    repo.git("checkout", "--quiet", "main")
    return commit


def of_source(shell: Shell, *words: str) -> Said:
    return shell("plan", "--source", "infra", "--config", "host.yml", "--ref", "change", *words)


def of_url(shell: Shell, repo: Repo, *words: str) -> Said:
    return shell("plan", "--git", repo.url, "--ref", "change", *words)


def validated(document: object) -> None:
    schemas = {
        name: json.loads((ROOT / "schemas" / name).read_text()) for name in ("plan.schema.json", "proposal.schema.json")
    }
    registry = Registry().with_resources((name, Resource.from_contents(one)) for name, one in schemas.items())
    jsonschema.Draft202012Validator(schemas["proposal.schema.json"], registry=registry).validate(document)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_exit_code_tells_changes_from_none_and_from_what_is_wrong(shell: Shell, repo: Repo, code: int) -> None:
    shell("deploy", repo.url).ok()
    labels = {
        0: APP.format(version=1, label="one"),
        1: "services: {web: {imag: x}}",
        2: APP.format(version=1, label="two"),
    }
    branch(repo, labels[code])

    of_url(shell, repo, "--detailed-exitcode").failed(code)
    of_url(shell, repo).failed(1 if code == 1 else 0)


@pytest.mark.parametrize("how", FORMATS)
def test_a_source_is_planned_without_a_daemon_and_nothing_of_the_host_gets_out(
    shell: Shell, repo: Repo, how: str
) -> None:
    commit = branch(repo, APP.format(version="${GIVEN}", label="${GIVEN}"))
    said = of_source(shell, "--format", how).ok()

    assert commit[:12] in said.out
    assert "***" in said.out
    assert CANARY not in said.out + said.err


@pytest.mark.parametrize("how", FORMATS)
def test_nothing_that_is_given_on_the_command_line_gets_out(shell: Shell, repo: Repo, how: str) -> None:
    (shell.folder / "given.env").write_text("OTHER='0ther-s3cret-value'\n")
    branch(repo, APP.format(version="${GIVEN}", label="x").replace("db:1", "'db:${OTHER}'"))
    said = of_url(shell, repo, "--set", f"GIVEN={CANARY}", "--env-file", "given.env", "--format", how).ok()

    assert 2 <= said.out.count("***")
    assert CANARY not in said.out
    assert "0ther" not in said.out


def test_the_document_has_the_shape_that_its_schema_says(shell: Shell, repo: Repo) -> None:
    shell("deploy", repo.url).ok()
    for text in (
        APP.format(version=2, label="two"),
        "services: {web: {imag: x}}",
        "services: {web: {image: x, privileged: true}}",
    ):
        branch(repo, text)
        validated(json.loads(of_url(shell, repo, "--json").out))


def test_a_proposal_is_no_deployment(shell: Shell, repo: Repo) -> None:
    branch(repo, APP.format(version=2, label="two"))
    of_url(shell, repo).ok()
    of_source(shell).ok()

    assert "" == shell("ps", "-q", "-p", "shop").ok().out
    files = [path.name for path in (shell.folder / "state" / "git").rglob("*") if path.is_file()]
    assert [] == [name for name in files if name.startswith(("head-", "stack-"))]
    assert [] == list((shell.folder / "state" / "git").glob("*/checkouts/*"))
    assert [] == list((shell.folder / "state" / "git").glob("*/mirror.git/refs/**/[0-9a-f]*"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--source", "infra", "--git", "x"), "contradict"),
        (("--source", "infra", "--build"), "--build means nothing"),
        (("--source", "infra", "--path", "x"), "--path is for --git"),
        (("--source", "infra", "web"), "SERVICE means nothing"),
        (("--git", "x", "--out", "y"), "--out"),
        (("--git", "x", "--config", "y"), "--config"),
        (("--ref", "main"), "--ref is for a commit"),
        (("--config", "host.yml"), "--config is for --source"),
        (("--format", "markdown"), "markdown"),
        (("--source", "other", "--config", "host.yml"), 'no source "other"'),
        (("--git", "./repo", "--ref", "nothing"), "has no nothing"),
    ],
)
def test_options_that_mean_nothing_are_refused(shell: Shell, repo: Repo, words: tuple[str, ...], why: str) -> None:
    said = shell("plan", *words)

    assert said.code in (1, 2)
    assert why in said.err


@pytest.mark.parametrize("how", FORMATS)
def test_diff_with_a_commit_says_what_plan_does(shell: Shell, repo: Repo, how: str) -> None:
    shell("deploy", repo.url).ok()
    branch(repo, APP.format(version=2, label="two"))
    words = ("--git", repo.url, "--ref", "change", "--format", how, "--detailed-exitcode")

    assert shell("diff", *words).failed(2).out == shell("plan", *words).failed(2).out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--ref", "main"), "--ref is for a commit"),
        (("--detailed-exitcode",), "is for a commit"),
        (("--git", "x", "web"), "not containers with images"),
        (("--git", "x", "--format", "{{.Path}}"), "not known with --git"),
    ],
)
def test_diff_takes_the_options_of_one_of_its_two_uses(shell: Shell, words: tuple[str, ...], why: str) -> None:
    assert why in shell("diff", *words).failed(2).err
