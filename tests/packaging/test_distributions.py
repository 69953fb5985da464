"""Wheel, source distribution and editable install: what is in them, and that the command runs from each of them.

Each is installed into an environment of its own by pip as this machine configures it, and run from a folder that is not
the checkout, so that nothing is found by accident.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest

from scripts.machine.commands import ROOT
from tests.support.gitrepos import Repo

pytestmark = pytest.mark.timeout(600)

SPEC = "services:\n  web:\n    image: busybox:stable\n    environment: {GREETING: hello}\n"


class Environment:
    """A virtual environment with nothing in it but what a test installs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.elsewhere = folder / "elsewhere"
        run(sys.executable, "-m", "venv", "--without-pip", str(folder))
        self.elsewhere.mkdir()

    def pip(self, *words: str) -> str:
        """The pip of the environment the tests run in, working on this one."""
        return run(sys.executable, "-m", "pip", "--python", str(self.folder / "bin/python"), *words, cwd=self.elsewhere)

    def install(self, *words: str) -> None:
        self.pip("install", "-qq", *words)

    def run(self, program: str, *words: str) -> str:
        return run(str(self.folder / "bin" / program), *words, cwd=self.elsewhere)

    def resource(self, call: str) -> Path:
        """Where the installed package finds a file it ships."""
        return Path(self.run("python", "-c", f"from orchestrator import resources; print(resources.{call})").strip())


def run(*command: str, cwd: Path | None = None) -> str:
    """Without the variables that would let Python find this checkout or this environment."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS")
    clean = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `python -m build` filled: a source distribution, and the wheel made from it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "dist"
    # One worker builds, and the others wait for it.
    with (shared / "dist.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half = shared / "dist.part"
            run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(half), str(ROOT))
            half.rename(folder)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    (found,) = built.glob("*.tar.gz")
    return found


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "venv")


def shipped() -> set[str]:
    """Tracked schemas and stacks: all of them must arrive at the user's."""
    return set(run("git", "ls-files", "schemas", "stacks", cwd=ROOT).split())


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {PurePosixPath(name).parts[0] for name in archive.namelist()}

    assert {"orchestrator"} == {top for top in tops if not top.endswith((".dist-info", ".data"))}


def test_the_wheel_brings_the_man_pages_to_where_man_looks(wheel: Path, environment: Environment) -> None:
    environment.install("--no-deps", str(wheel))
    pages = {path.name for path in (ROOT / "man/man1").iterdir()}
    assert "stack-up.1" in pages
    assert pages == {path.name for path in (environment.folder / "share/man/man1").iterdir()}


def test_the_wheel_ships_every_schema_and_stack_and_the_marker_of_its_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assert set() == {f"orchestrator/_shipped/{name}" for name in shipped()} - names
    assert "orchestrator/py.typed" in names


def test_every_module_of_the_tree_is_in_the_wheel(wheel: Path) -> None:
    tracked = set(run("git", "ls-files", "orchestrator", cwd=ROOT).split())
    with zipfile.ZipFile(wheel) as archive:
        assert set() == tracked - set(archive.namelist())


def test_the_metadata_name_the_licence_and_the_oldest_python(wheel: Path) -> None:
    found = metadata(wheel)

    assert "Apache-2.0" == found["License-Expression"]
    assert ">=3.11" == found["Requires-Python"]
    assert ["LICENSE"] == found.get_all("License-File")


def test_the_source_distribution_has_what_the_readme_talks_of(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    wanted = {"README.md", "LICENSE", "examples/quickstart/app.yml", "scripts/quickstart", "scripts/test"}
    assert set() == wanted - names
    assert [] == sorted(name for name in names if name.startswith((".venv", ".state", ".git/")))


def test_an_installed_wheel_runs_from_a_clean_environment(wheel: Path, environment: Environment) -> None:
    environment.install(str(wheel))
    (environment.elsewhere / "app.yml").write_text(SPEC, encoding="utf-8")

    assert f"stack version {metadata(wheel)['Version']}\n" == environment.run("stack", "version")
    assert "GREETING: hello" in environment.run("stack", "config", "-f", "app.yml")
    assert environment.resource("schema_path('stack')").is_relative_to(environment.folder)
    assert environment.resource("stacks_path()").is_dir()


def test_an_installed_wheel_reads_the_stacks_of_a_repository(
    wheel: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read by a process that sees its own code and the checkout alone: its libraries lie beside it here."""
    monkeypatch.setenv("STACK_ENGINE", f"memory:{environment.folder}/world")
    monkeypatch.setenv("STACK_STATE_DIR", f"{environment.folder}/state")
    monkeypatch.setenv("STACK_LOCK_DIR", f"{environment.folder}/locks")
    environment.install(str(wheel))
    repo = Repo(environment.elsewhere / "infra")
    repo.write("stacks/shop/app.yml", SPEC)
    repo.commit()

    assert "create web.1" in environment.run("stack", "plan", "--git", repo.url, "--path", "stacks/shop")


def test_an_installed_wheel_puts_no_file_outside_its_own_places(wheel: Path, environment: Environment) -> None:
    environment.install("--no-deps", str(wheel))
    listed = environment.pip("show", "--files", "stack-orchestrator").partition("Files:\n")[2]

    outside = [line.strip() for line in listed.splitlines() if line.strip().startswith("..")]
    assert ["../../../bin/stack"] == [path for path in outside if "/share/man/man1/stack" not in path]


def test_the_source_distribution_installs_and_tells_its_version(sdist: Path, environment: Environment) -> None:
    """Without its dependencies: telling the version must need none of them."""
    environment.install("--no-deps", str(sdist))

    assert environment.run("stack", "version").startswith("stack version ")
    assert environment.resource("schema_path('stack.schema.json')").is_file()


def test_an_editable_install_runs_the_checkout(environment: Environment) -> None:
    environment.install("--no-deps", "--editable", str(ROOT))

    assert environment.run("stack", "version").startswith("stack version ")
    assert ROOT / "schemas/stack.schema.json" == environment.resource("schema_path('stack')")


def test_a_missing_shipped_file_is_named(environment: Environment, wheel: Path) -> None:
    environment.install("--no-deps", str(wheel))
    script = "from orchestrator import resources\ntry: resources.schema_path('nothing')\nexcept OSError as e: print(e)"

    assert "schemas/nothing.schema.json is missing" in environment.run("python", "-c", script)
