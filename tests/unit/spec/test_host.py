"""host.yml: what a host runs, and what is said when the file is wrong."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from orchestrator.errors import SchemaViolation, SpecError
from orchestrator.model.host import Mode, Window
from orchestrator.spec.host import load_host, name_of


def write(folder: Path, text: str) -> str:
    path = folder / "host.yml"
    path.write_text(text)
    return str(path)


def test_a_name_alone_is_the_folder_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    host = load_host(write(tmp_path, "stacks: {shop: }"))

    assert str(tmp_path / "shop") == host.stacks["shop"].directory
    assert () == host.stacks["shop"].files
    assert Mode.ENFORCE is host.stacks["shop"].mode


def test_a_path_to_a_file_names_the_file(tmp_path: Path) -> None:
    host = load_host(write(tmp_path, "stacks: {shop: ./shop/production.yml}"))

    assert (str(tmp_path / "shop/production.yml"),) == host.stacks["shop"].files
    assert str(tmp_path / "shop") == host.stacks["shop"].directory


def test_what_a_stack_says_goes_before_the_defaults(tmp_path: Path) -> None:
    host = load_host(
        write(
            tmp_path,
            "defaults: {mode: report, resync: 5m, heal: false}\n"
            "stacks:\n  a: {files: [a.yml, b.yml], mode: suspended, variables: {TAG: 1.5, ON: true}}\n  b: x.yml\n",
        )
    )

    assert (Mode.SUSPENDED, 300.0, False) == (host.stacks["a"].mode, host.stacks["a"].resync, host.stacks["a"].heal)
    assert {"TAG": "1.5", "ON": "true"} == host.stacks["a"].variables
    assert Mode.REPORT is host.stacks["b"].mode


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("22:00-06:00", Window(1320, 360)),
        ("mon-fri 08:30-17:00", Window(510, 1020, frozenset({0, 1, 2, 3, 4}))),
        ("sat,sun 0:00-24:00", Window(0, 1440, frozenset({5, 6}))),
        ("fri-mon 1:00-2:00", Window(60, 120, frozenset({4, 5, 6, 0}))),
    ],
)
def test_windows(tmp_path: Path, text: str, window: Window) -> None:
    host = load_host(write(tmp_path, f"stacks: {{a: {{windows: ['{text}']}}}}"))

    assert (window,) == host.stacks["a"].windows


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    friday_night = Window(22 * 60, 6 * 60, frozenset({4}))

    assert friday_night.contains(4, 23 * 60)
    assert friday_night.contains(5, 5 * 60)
    assert not friday_night.contains(4, 5 * 60)
    assert not friday_night.contains(5, 6 * 60)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stacks: {shop: {mod: report}}", "mode"),
        ("stacks: {shop: {mode: sometimes}}", "enforce"),
        ("stacks: {Shop: }", "Shop"),
        ("stack: {}", "stacks"),
        ("[]", "mapping"),
        ("stacks: {a: {path: x, files: [y]}}", "either"),
        ("stacks: {a: {windows: ['25:00-26:00']}}", "25:00-26:00"),
        ("stacks: {a: {windows: [always]}}", "windows"),
        ("stacks: {a: {resync: 5ms}}", "too short"),
        ("stacks: {a: {resync: 5}}", "resync"),
        ("stacks: {a: , a: }", "a"),
        ("stacks: {a: [", ""),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_host(write(tmp_path, text))

    assert said in str(caught.value)
    assert caught.value.where is not None
    assert caught.value.where.line > 0


@pytest.mark.parametrize(
    ("source", "said", "key"),
    [
        ("url: 'https://me:secret@git.example.org/a.git'", "credentials do not belong into a URL", "url"),
        ("url: http://git.example.org/a.git", "http: is not fetched from", "url"),
        ("url: 'git://git.example.org/a.git'", "git: is not fetched from", "url"),
        ("url: 'ext::sh -c id'", "is no URL of a repository", "url"),
        ("url: a.git", "./a.git", "url"),
        ("url: ''", "is no URL", "url"),
        ("url: ./a.git, path: ../b", "`../b` leads out of the repository", "path"),
        ("url: ./a.git, path: /b", "`/b` leads out of the repository", "path"),
        ("url: ./a.git, commit: 1f2e3d4", "`commit` cannot be `1f2e3d4`", "commit"),
        ("url: ./a.git, policy: {memory: 2gig}", "`2gig` is not a size", "policy.memory"),
        ("url: ./a.git, policy: {stacks: {shop: {memory: 2x}}}", "`2x` is not a size", "policy.stacks.shop.memory"),
        ("url: ./a.git, policy: {ports: [443/xdp]}", "53/udp", "policy.ports[0]"),
    ],
)
def test_what_is_wrong_with_a_source_is_said_before_anything_is_followed(
    tmp_path: Path, source: str, said: str, key: str
) -> None:
    """What can never be fetched is no matter of the other side: a daemon that began with it would list no such source."""
    with pytest.raises(SpecError) as caught:
        load_host(write(tmp_path, f"sources:\n  infra: {{{source}}}\n"))

    assert said in str(caught.value)
    assert caught.value.where is not None
    assert (2, f"sources.infra.{key}") == (caught.value.where.line, caught.value.where.path)


@pytest.mark.parametrize(
    "url", ["git@git.example.org:acme/a.git", "ssh://git@h:2222/a.git", "https://h/a.git", "/srv/a b.git"]
)
def test_where_a_source_may_be(tmp_path: Path, url: str) -> None:
    assert url == load_host(write(tmp_path, f"sources: {{infra: {{url: '{url}'}}}}")).sources["infra"].url


def test_how_a_repository_is_reached_and_how_much_of_it_is_wanted(tmp_path: Path) -> None:
    host = load_host(
        write(
            tmp_path,
            "credentials: {g.example: {token_file: token, user: robot}, 'h.example:8443': }\n"
            "sources: {infra: {url: https://g.example/a.git, path: apps, sparse: [common/, apps], submodules: true, lfs: true,"
            " timeout: 5m, token_file: own, semver: ^1, verify: tag, keys: signers,"
            " stacks: {wiki: , blog: apps-of-mine/blog, base: common}}}\n",
        )
    )
    source = host.sources["infra"]

    assert ("apps", "common", "apps-of-mine/blog") == source.sparse, "what lies in another of them is there already"
    assert (True, True, 300.0) == (source.submodules, source.lfs, source.timeout)
    assert str(tmp_path / "own") == source.own_credentials.token_file
    assert str(tmp_path / "token") == source.credentials["g.example"].token_file
    assert {"g.example", "h.example:8443"} == set(source.credentials)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--config"):
        load_host(str(tmp_path / "host.yml"))


def test_a_host_is_called_as_its_file_says_and_like_its_machine_without_one(tmp_path: Path) -> None:
    assert "web1" == name_of(write(tmp_path, "host: web1\nstacks: {shop: }"))
    assert socket.gethostname() == name_of(write(tmp_path, "stacks: {shop: }"))
    assert socket.gethostname() == name_of(str(tmp_path / "nowhere.yml"))
    with pytest.raises(SchemaViolation):
        name_of(write(tmp_path, "hots: web1"))
