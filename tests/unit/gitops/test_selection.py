"""Which stacks of a checkout a source wants on this host, and from which files."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from orchestrator.errors import RuleViolation
from orchestrator.gitops.selection import env_files, selected, spec_files
from orchestrator.model.host import GitHostSource, Mode
from orchestrator.spec.host import load_host

APP = "services: {web: {image: web:1}}\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("shop", "wiki", "wiki-test"):
        write(tmp_path / "checkout", f"stacks/{name}/app.yml", APP)
    write(tmp_path / "checkout", "apps/blog/compose.yaml", APP)
    return tmp_path / "checkout"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def source(place: Path, said: str = "", top: str = "") -> GitHostSource:
    file = write(place.parent, "host.yml", f"{top}\nsources:\n  infra: {{url: ./repo{', ' if said else ''}{said}}}\n")
    return load_host(str(file)).sources["infra"]


def names(place: Path, said: str = "", top: str = "") -> list[str]:
    return sorted(selected(str(place), source(place, said, top)).stacks)


def test_only_and_except_choose_among_what_is_found_by_name_or_by_pattern(place: Path) -> None:
    assert names(place) == ["shop", "wiki", "wiki-test"]
    assert names(place, "only: [shop]") == ["shop"]
    assert names(place, "only: 'wiki*'") == ["wiki", "wiki-test"]
    assert names(place, "except: ['*-test']") == ["shop", "wiki"]
    assert names(place, "only: 'wiki*', except: ['*-test']") == ["wiki"]


def test_a_folder_gives_its_stack_a_name_as_with_compose_and_the_root_that_of_the_repository(place: Path) -> None:
    for folder in ("My Shop", "myshop", "日本", "grüße"):
        write(place, f"apps/{folder}/app.yml", APP)
    found = selected(str(place), source(place, "path: ./apps/")).stacks
    folders = {name: one.folder for name, one in found.items()}

    assert {"myshop": "apps/myshop", "gre": "apps/grüße", "blog": "apps/blog"}.items() <= folders.items()
    # What gives no name, or that of another, is refused by its own when it is loaded.
    assert {"My Shop": "apps/My Shop", "日本": "apps/日本"}.items() <= folders.items()
    write(place, "app.yml", APP)
    assert {"repo": "."} == {
        name: one.folder for name, one in selected(str(place), source(place, "path: .")).stacks.items()
    }


def test_listed_stacks_come_besides_those_that_are_found_and_each_says_what_is_its_own(place: Path) -> None:
    said = (
        "mode: enforce, variables: {A: '1'}, stacks: {blog: apps/blog, shop: {mode: report}, docs: {path: stacks/wiki}}"
    )
    found = selected(str(place), source(place, said)).stacks

    assert {name: one.folder for name, one in found.items()} == {
        "blog": "apps/blog",
        "shop": "stacks/shop",
        "docs": "stacks/wiki",
        "wiki-test": "stacks/wiki-test",
    }
    assert found["shop"].entry.mode is Mode.REPORT
    assert found["blog"].entry.mode is Mode.ENFORCE
    assert found["shop"].entry.variables == {"A": "1"}
    assert {one.entry.source for one in found.values()} == {"infra"}


@pytest.mark.parametrize("path", ["../out", "/etc", "a/../../b"])
def test_a_listed_folder_outside_of_the_repository_is_refused_with_its_line(place: Path, path: str) -> None:
    with pytest.raises(RuleViolation, match="leads out") as refused:
        source(place, f"stacks: {{blog: {path}}}")
    assert refused.value.where is not None
    assert refused.value.where.line == 3


def test_a_spec_that_names_hosts_is_for_these_alone(place: Path) -> None:
    write(place, "stacks/shop/app.yml", "x-stack: {hosts: [web1, 'db*']}\n" + APP)
    write(place, "stacks/wiki/app.yml", "x-stack: {hosts: web2}\n" + APP)

    assert names(place, top="host: web1") == ["shop", "wiki-test"]
    assert names(place, top="host: db7") == ["shop", "wiki-test"]
    assert names(place, top="host: web2") == ["wiki", "wiki-test"]
    elsewhere = selected(str(place), source(place, top="host: mail")).elsewhere
    assert elsewhere == {"shop": ("web1", "db*"), "wiki": ("web2",)}


def test_a_host_that_the_file_does_not_name_has_the_name_of_its_machine(place: Path) -> None:
    assert source(place).host == os.uname().nodename


def test_a_spec_that_cannot_be_read_is_wanted_so_that_its_trouble_is_seen(place: Path) -> None:
    write(place, "stacks/shop/app.yml", "x-stack: {hosts: [web1\n")
    assert "shop" in names(place, top="host: mail")


@pytest.mark.parametrize(
    ("there", "main", "environment", "wanted"),
    [
        (["app.yml"], "", "production", ["app.yml"]),
        (["app.yml", "app.production.yml"], "", "production", ["app.yml", "app.production.yml"]),
        (["app.yml", "app.production.yml"], "", "", ["app.yml"]),
        (["app.yml", "app.production.yml"], "", "staging", ["app.yml"]),
        (["compose.yaml", "compose.production.yml"], "", "production", ["compose.yaml", "compose.production.yml"]),
        (["app.yml", "compose.production.yaml"], "", "production", ["app.yml", "compose.production.yaml"]),
        (
            ["app.yml", "app.production.yml", "compose.production.yml", "own.yml"],
            "own.yml",
            "production",
            ["app.yml", "app.production.yml", "own.yml"],
        ),
    ],
)
def test_an_environment_chooses_the_overlay_that_bears_its_name(
    tmp_path: Path, there: list[str], main: str, environment: str, wanted: list[str]
) -> None:
    for name in there:
        write(tmp_path, name, APP)
    found = spec_files(str(tmp_path), environment, [main] if main else [])
    assert [os.path.basename(path) for path in found] == wanted


def test_the_variables_of_an_environment_come_behind_those_for_all(tmp_path: Path) -> None:
    write(tmp_path, ".env", "A=1\n")
    assert env_files(str(tmp_path), "production") == ()
    write(tmp_path, ".env.production", "A=2\n")
    write(tmp_path, "production.env", "A=3\n")

    found = [os.path.basename(path) for path in env_files(str(tmp_path), "production")]
    assert found == [".env", ".env.production", "production.env"]
    assert env_files(str(tmp_path), "") == ()


def test_two_entries_of_a_host_file_that_claim_one_stack_are_refused_with_both_places(tmp_path: Path) -> None:
    text = """
        stacks: {shop: ./shop}
        sources:
          one: {url: ./one, stacks: {blog: a}}
          two: {url: ./two, stacks: {blog: b}}
    """
    file = write(tmp_path, "host.yml", text)
    with pytest.raises(RuleViolation, match=r'claim the stack "blog": the other one is at .*host.yml:4:') as refused:
        load_host(str(file))
    assert refused.value.where is not None
    assert refused.value.where.line == 5
    write(tmp_path, "host.yml", text.replace("blog: a", "shop: a").replace("blog: b", "mail: b"))
    with pytest.raises(RuleViolation, match=r'"shop": the other one is at .*host.yml:2:'):
        load_host(str(file))
