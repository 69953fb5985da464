"""The quickstart: its example on each engine, and the README's command from a bare machine to nothing left over.

The command runs in namespaces of its own, where neither the machine's engine nor a quickstart of its user can be seen,
so it does there what it does on a fresh machine: it starts a private engine, and takes it away again.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from scripts.machine import packages
from scripts.machine.commands import ROOT, as_root
from tests.conftest import ProjectMaker, free_port
from tests.support.engines import Engine
from tests.support.projects import Project

EXAMPLE = ROOT / "examples/quickstart"

# Own network, mounts and processes: no engine answers, ports are free, and whatever is left ends with the namespace.
FRESH = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation", "private")
STORY = """
ip link set lo up
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
unset DOCKER_HOST DOCKER_CONTEXT
export HOME="$PWD/home" XDG_RUNTIME_DIR=
./scripts/quickstart || exit
echo "=== again"
./scripts/quickstart || exit
echo "=== remove"
./scripts/quickstart --remove || exit
echo "=== left"
ls /run /var/lib | grep stack-quickstart
ps ax -o args 2>/dev/null | grep -E '^(dockerd|containerd)'
iptables -S | grep DOCKER
ip -o link | grep -v ' lo:'
grep stack-quickstart /proc/mounts
exit 0
"""


@pytest.fixture
def example(make_project: ProjectMaker, each_engine: Engine) -> Project:
    """A copy of the example as a project of its own."""
    project = make_project(on=each_engine)
    shutil.copytree(EXAMPLE, project.folder, dirs_exist_ok=True)
    return project


def visits(project: Project, port: int) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{project.engine.host}:{port}/", timeout=10) as answer:
        found = re.search(r'class="count">(\d+)<', answer.read().decode())
    assert found
    return int(found[1])


def test_the_page_counts_visits_and_they_outlive_the_containers(example: Project) -> None:
    port = free_port()
    wish = {"QUICKSTART_PORT": str(port)}
    example.up("--wait", env=wish)
    assert [1, 2] == [visits(example, port), visits(example, port)]
    assert [] == example.up("--wait", env=wish).mutations

    example.down()
    example.up("--wait", env=wish)
    assert 3 == visits(example, port)

    example.down("-v")
    assert example.census.empty


def test_the_store_is_reached_by_the_page_alone(example: Project) -> None:
    example.up("--wait", env={"QUICKSTART_PORT": str(free_port())})

    assert {f"{example.name}_back"} == set(example.container("store")["NetworkSettings"]["Networks"])
    assert {} == (example.container("store")["HostConfig"]["PortBindings"] or {})


@pytest.mark.timeout(600)
def test_the_quickstart_command_on_a_machine_without_an_engine(tmp_path: Path) -> None:
    packages.have(packages.ENGINE)
    clone = tmp_path / "stack"
    copy_tracked_files(clone)
    (clone / "home").mkdir()
    # pip needs the network, which the namespace below has not.
    run("python3", "-c", "from scripts.machine import venv; venv.ensure()", cwd=clone)

    said = run(*as_root([*FRESH, "bash", "-c", STORY]), cwd=clone)

    first, again, removed, left = re.split(r"=== (?:again|remove|left)\n", said)
    assert "It works" in first
    assert re.search(r"^ +1$", first, re.MULTILINE)
    assert "starting a private one" in first
    assert re.search(r"^ +2$", again, re.MULTILINE)
    assert "installing" not in again
    assert "removed." in removed
    assert "" == left


def copy_tracked_files(target: Path) -> None:
    """The checkout as git sees it, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def run(*command: str, cwd: Path) -> str:
    """Both streams together, in the order a person sees them."""
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout
