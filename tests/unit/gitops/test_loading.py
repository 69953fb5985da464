"""Specs of strangers are read by a process that can do nothing else: what comes of it is the model or one error."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import SpecError, StackError
from orchestrator.gitops import loading
from orchestrator.gitops.loading import LoadFailed
from orchestrator.records import replace
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical, stack_of
from tests.support import spec_cases
from tests.unit.spec.test_transfer import same

COMMIT = "0123456789ab" + "0" * 28
HOSTILE = "tests.support.hostile_child"
SAMPLE = [case for case in spec_cases.all_cases() if any(name.endswith(".yml") for name in case.files)][::8]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "checkouts" / COMMIT
    (made / "shop").mkdir(parents=True)
    return made


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))


def request(place: Path, text: str, **more: Any) -> LoadRequest:
    file = place / "shop/app.yml"
    file.write_text(text)
    disk = loading.files_below(str(place), more.get("env_files", ()))
    made = LoadRequest(files=(str(file),), current_directory=str(file.parent), project_name="shop", disk=disk)
    return replace(made, **more)


def load(place: Path, text: str, *, program: str = loading.CHILD, **more: Any) -> Canonical:
    return loading.canonical(request(place, text, **more), place=str(place), commit=COMMIT, program=program)


def told(place: Path, text: str) -> str:
    """What the process says when it was taken over."""
    with pytest.raises(SpecError) as caught:
        load(place, text, program=HOSTILE)
    assert caught.value.ref == "tried"
    return caught.value.message


def test_an_include_that_leads_out_is_named_as_it_is_written(place: Path) -> None:
    """So far what was named was the ``.env`` that might lie beside it, which nobody had written."""
    with pytest.raises(SpecError) as caught:
        load(place, "include: [../../../secrets/db.yml]\nservices: {web: {image: busybox}}\n")

    assert "db.yml lies outside of the repository" in caught.value.message
    assert caught.value.where is not None
    assert (1, "include[0]") == (caught.value.where.line, caught.value.where.path)


@pytest.mark.parametrize("case", SAMPLE, ids=[case.name for case in SAMPLE])
def test_it_gives_what_loading_here_would_give(case: spec_cases.Case, tmp_path: Path) -> None:
    here = case.write(tmp_path)
    environment = {key: value.replace("{here}", str(tmp_path)) for key, value in case.environment.items()}
    arguments = [argument.replace("{here}", str(tmp_path)) for argument in case.arguments]
    asked = replace(spec_cases.request(arguments, environment, here), fetch=None)
    if not asked.files or asked.stdin is not None:
        files = [str(path) for path in sorted(here.iterdir()) if path.suffix in (".yml", ".yaml")]
        asked = replace(asked, files=tuple(files[:1]), stdin=None)
    asked = replace(asked, files=tuple(os.path.join(here, file) for file in asked.files))
    plain = LoadRequest()
    asked = replace(asked, **{name: getattr(plain, name) for name in SWITCHES})
    try:
        result: Canonical | StackError = load_canonical(asked)
    except StackError as problem:
        result = problem
    try:
        lent = replace(asked, disk=loading.files_below(str(tmp_path), asked.env_files))
        again: Canonical | StackError = loading.canonical(lent, place=str(tmp_path), commit=COMMIT)
    except StackError as problem:
        again = problem

    same(result, again)


SWITCHES = ("interpolate", "normalize", "resolve_paths", "resolve_env", "consistency", "all_resources")


def test_the_stack_is_the_same_with_all_that_belongs_to_it(place: Path) -> None:
    (place / "shop/one.env").write_text("A=1\nB=${C}\n")
    (place / "shop/base.yml").write_text("services: {base: {image: 'b:1', labels: {x: y}}}\n")
    (place / "shop/word").write_text("secret word")
    (place / "shared").mkdir()
    (place / "shared/data").write_text("data")
    (place / "host.env").write_text("C=3\n")
    host = place.parent.parent / "host.env"
    host.write_text("C=from the host\n")
    text = """
        services:
          web:
            extends: {file: base.yml, service: base}
            env_file: one.env
            environment: {D: "${GIVEN}"}
            secrets: [word]
            configs: [data]
            volumes: ["../shared:/shared:ro"]
        secrets: {word: {file: word}}
        configs: {data: {file: ../shared/data}}
    """
    asked = request(place, text, environment={"GIVEN": "by the host"}, env_files=(str(host),))
    here, key = load_canonical(replace(asked, disk=LoadRequest().disk)), b"k" * 32
    away = loading.canonical(asked, place=str(place), commit=COMMIT)
    stack = loading.stack(away, key=key, disk=loading.files_of(away, str(place)))

    same(here, away)
    assert stack_of(here, key=key) == stack
    assert stack.secret_values == {"secret word"}
    assert dict(stack.services["web"].container.environment) == {"A": "1", "B": "from the host", "D": "by the host"}
    assert (stack.where("services.web.image").line, stack.where("services.web.env_file").line) == (1, 4)


LOWERED = {"forever": {"RLIMIT_CPU": 1}, "memory": {"RLIMIT_AS": 256 << 20}}
ENDED = {
    "segv": "SIGSEGV",
    "abort": "SIG",
    "silent": "gave no model",
    "exit": "exit code 7",
    "garbage": "gave no model",
    "half": "gave no model",
    "deep": "gave no model",
    "empty": "gave no model",
    "raise": "exit code 1",
    "memory": "exit code 1",
    "flood": "larger than 64 MiB",
    "forever": "processor time",
    "idle": "longer than",
    "closed": "longer than",
}


@pytest.mark.parametrize("deed", ENDED)
def test_whatever_becomes_of_it_is_one_error_with_commit_and_file(
    place: Path, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = loading.SECONDS
    if deed in ("idle", "closed"):
        monkeypatch.setattr(loading, "SECONDS", 1.5)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(LoadFailed) as caught:
        loading.canonical(
            request(place, f"#{deed}"), place=str(place), commit=COMMIT, program=HOSTILE, limits=LOWERED.get(deed)
        )
    monkeypatch.setattr(loading, "SECONDS", usual)

    assert ENDED[deed] in caught.value.message
    assert COMMIT[:12] in caught.value.message
    assert str(caught.value.where) == "shop/app.yml"
    assert before == set(os.listdir("/proc/self/fd"))
    assert load(place, "services: {web: {image: x}}").name == "shop"


def test_a_host_with_many_open_files_reads_on(place: Path) -> None:
    with ExitStack() as opened:
        for _ in range(1_100):
            opened.enter_context(open(os.devnull, "rb"))
        assert load(place, "services: {web: {image: x}}").name == "shop"


def test_memory_that_a_spec_takes_is_said_to_be_that(place: Path) -> None:
    text = "services: {web: {image: x, environment: {A: '" + "x" * 1_000_000 + "'}}}"
    with pytest.raises(LoadFailed, match=r"more than|exit code|gave no model"):
        loading.canonical(request(place, text), place=str(place), commit=COMMIT, limits={"RLIMIT_AS": 1 << 20})


CANNOT = {
    "read /etc/passwd": "PermissionError",
    "read /etc/shadow": "PermissionError",
    "read /proc/1/environ": "PermissionError",
    "list /": "PermissionError",
    "list /root": "PermissionError",
    "write /tmp/x": "PermissionError",
    "write /dev/null": "PermissionError",
    "fork": "PermissionError",
    "run /bin/true": "PermissionError",
    "signal": "PermissionError",
    "root": "PermissionError",
    "mount": "PermissionError",
    "unix /run/stack.sock": "PermissionError",
    "remember 2000000000": "MemoryError",
}


@pytest.mark.parametrize("what", CANNOT)
def test_it_cannot(place: Path, what: str) -> None:
    if what == "root" and os.geteuid() == 0:
        assert told(place, f"#{what}") in (f"could not: {CANNOT[what]}", "could: None")  # without powers, see the rest
        return
    assert told(place, f"#{what}") == f"could not: {CANNOT[what]}"


def test_it_cannot_change_what_it_reads(place: Path) -> None:
    (place / "file").write_text("x")
    for deed in ("write", "unlink", "chmod"):
        assert told(place, f"#{deed} {place}/file").startswith("could not"), deed
    assert told(place, f"#link {place}/new").startswith("could not")
    assert told(place, f"#read {place}/file") == "could: 1"


def test_root_becomes_nobody_where_nobody_can_read(place: Path) -> None:
    if os.geteuid() != 0:
        assert told(place, "#user") == f"could: {os.geteuid()}"
        return
    folders = [*Path(os.__file__).parents, *Path(loading.__file__).parents, *place.parents, place]
    reachable = all(folder.stat().st_mode & 0o001 for folder in folders)
    assert told(place, "#user") == f"could: {65534 if reachable else 0}"


def test_it_cannot_talk_to_anybody(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            assert told(place, f"#connect {host}:{port}").startswith("could not")
        with pytest.raises(BlockingIOError):
            server.accept()
        socket.create_connection(("127.0.0.1", port)).close()
        server.setblocking(True)
        server.accept()[0].close()


def test_it_has_no_environment_and_no_descriptor_but_the_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "word")
    assert told(place, "#environment") == "could: []"


def test_a_file_of_the_host_that_is_missing_is_named(place: Path) -> None:
    with pytest.raises(SpecError, match=r"the env file /none/x.env does not exist"):
        load(place, "services: {}", env_files=("/none/x.env",))
