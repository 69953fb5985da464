"""`stack deploy` on a real engine, from a real https server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Result, start_stack
from tests.support.gitrepos import Repo
from tests.support.gitserver import TOKEN, Authority, HttpsGit
from tests.support.projects import Project
from tests.support.waiting import eventually

APP = """
services:
  web:
    image: busybox:stable
    command: sleep 100000
    init: true
    stop_signal: SIGKILL
    volumes: ["./www:/www:ro"]
    healthcheck: {test: [CMD, grep, -q, hello, /www/index.html], interval: 200ms}
"""


class Deploying:
    """``deploy`` runs the command against the server, with what it needs to get in."""

    def __init__(self, project: Project, server: HttpsGit, repo: Repo, authority: Authority) -> None:
        self.project, self.server, self.repo = project, server, repo
        project.write(TOKEN, "token")
        self._words = ("--token-file", "token", "--ca-file", str(authority.certificate), "--path", "stacks/web")

    def deploy(self, *words: str) -> Result:
        return self.project.run("deploy", self.server.url("infra"), *self._words, *words)


@pytest.fixture
def one(project: Project, tmp_path: Path) -> Iterator[Deploying]:
    project._words = lambda args, file: ("-p", project.name, *args)  # type: ignore[method-assign]
    authority = Authority(tmp_path / "ca")
    repo = Repo(tmp_path / "served" / "infra")
    repo.write("stacks/web/app.yml", APP)
    repo.write("stacks/web/www/index.html", "hello\n")
    repo.commit()
    with HttpsGit(tmp_path / "served", authority.server()) as server:
        yield Deploying(project, server, repo, authority)


def test_a_stack_is_deployed_serves_from_its_checkout_and_is_not_touched_again(one: Deploying) -> None:
    project = one.project
    one.deploy().ok()
    assert (0, "hello\n") == project.engine.exec(f"{project.name}-web-1", "cat", "/www/index.html")
    ids = project.ids()
    for _ in range(6):  # as many checkouts as are kept without a reason, and one
        one.repo.write("README.md", one.repo.git("rev-parse", "HEAD"))
        one.repo.commit()
        again = one.deploy().ok()
        assert [] == again.mutations
    assert ids == project.ids()
    assert (0, "hello\n") == project.engine.exec(f"{project.name}-web-1", "cat", "/www/index.html")
    assert "web-1" in project.run("ps").ok().stdout
    project.run("down", "-t", "0").ok()
    assert project.census.empty


def test_a_commit_that_does_not_come_up_is_gone_back_from_and_the_old_checkout_still_serves(one: Deploying) -> None:
    project = one.project
    one.deploy().ok()
    for number in range(6):  # as many checkouts as are kept without a reason, and one
        one.repo.write("stacks/web/www/index.html", f"nothing {number}\n")
        one.repo.write("stacks/web/app.yml", APP.replace("200ms}", "100ms, retries: 1}"))
        one.repo.commit()
        one.deploy("--wait-timeout", "20").failed(1)
        assert (0, "hello\n") == project.engine.exec(f"{project.name}-web-1", "cat", "/www/index.html")
    one.repo.write("stacks/web/www/index.html", "hello again\n")
    commit = one.repo.commit()
    one.deploy().ok()
    assert (0, "hello again\n") == project.engine.exec(f"{project.name}-web-1", "cat", "/www/index.html")
    assert commit in project.run("history", "--json").ok().stdout


WRONG = {
    "401": (1, "token_file"),
    "503": (1, "503"),
    "redirect": (1, "leads elsewhere"),
    "truncated": (1, ""),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_said_and_nothing_is_touched(one: Deploying, fault: str) -> None:
    code, said = WRONG[fault]
    with one.server.failing(fault):
        failed = one.deploy().failed(code)
    assert said in failed.stderr
    assert [] == failed.mutations
    assert TOKEN not in failed.stderr
    assert "hint:" in failed.stderr or fault in ("503", "truncated")


def test_a_signature_is_demanded_before_anything_is_read(one: Deploying) -> None:
    (one.project.folder / "keys").mkdir()
    failed = one.deploy("--verify", "commit", "--keys", "keys").failed(1)
    assert "not signed" in failed.stderr
    assert [] == failed.mutations


def test_a_name_in_the_spec_and_a_path_that_is_not_there_are_told_as_that(one: Deploying) -> None:
    one.repo.write("stacks/web/app.yml", "name: another\n" + APP)
    one.repo.commit()
    said = one.deploy().ok().stderr
    assert (
        f"warning: stacks/web/app.yml:1:7, name: a spec's own name has no effect in a repository; the stack is called {one.project.name}"
        in said
    )
    assert "there is no 'gone.git' here, and it is no URL" in one.project.run("deploy", "gone.git").failed(2).stderr
    one.project.run("down", "-t", "0").ok()


def test_a_rollback_stays_hardened_and_names_the_commit(one: Deploying) -> None:
    project = one.project
    first = one.repo.git("rev-parse", "HEAD")
    one.deploy().ok()
    one.repo.write("stacks/web/app.yml", APP.replace("100000", "100001"))
    one.repo.commit()
    one.deploy().ok()
    assert "no-new-privileges" not in project.run("rollback").ok().stdout
    assert HARDENED == hardening(project)
    assert first[:10] in project.run("history").ok().stdout.splitlines()[1]
    project.run("down", "-t", "0").ok()


def test_a_rollback_of_what_a_source_keeps_is_the_daemons_own(project: Project, tmp_path: Path) -> None:
    project._words = lambda args, file: ("-p", project.name, *args)  # type: ignore[method-assign]
    repo = Repo(tmp_path / "repo")
    spec = f"stacks/{project.name}/app.yml"
    plain = "services: {web: {image: busybox:stable, command: sleep 100000, stop_signal: SIGKILL}}\n"
    repo.write(spec, plain)
    repo.commit()
    project.write(f"sources: {{infra: {{url: {repo.folder}, interval: 1s}}}}\n", "host.yml")
    words, socket = ["daemon", "run", "--config", "host.yml", "--socket"], str(tmp_path / "s")

    def seconds() -> str:
        found = project.engine.inspect(f"{project.name}-web-1")
        return found["Config"]["Cmd"][-1] if found else ""

    with start_stack([*words, socket], cwd=project.folder, env=project.environment()) as running:
        eventually(lambda: running.stderr.count("changes made") == 1, within=60, what="the first commit runs")
        repo.write(spec, plain.replace("100000", "100001"))
        repo.commit()
        eventually(lambda: running.stderr.count("changes made") == 2, within=60, what="the second commit runs")
        said = project.run("rollback", env={"STACK_DAEMON_SOCKET": socket}).ok().stderr
        assert "until the file says something new" in said
        assert ("100000", HARDENED) == (seconds(), hardening(project))
        before = project.ids()
        eventually(lambda: "since a rollback" in status(project, socket), within=60, what="the daemon keeps it")
        assert before == project.ids()
    project.run("down", "-t", "0").ok()


def status(project: Project, socket: str) -> str:
    return project.run("daemon", "status", "--socket", socket).ok().stdout


HARDENED = (["no-new-privileges:true"], 4096)


def hardening(project: Project) -> tuple[list[str], int]:
    settings = project.container("web")["HostConfig"]
    return settings["SecurityOpt"], settings["PidsLimit"]
