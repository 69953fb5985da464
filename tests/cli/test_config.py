"""`stack config`: the lists, the order in which they exclude each other, and images pinned to digests."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell

SPEC = """
    name: shop
    services:
      web:
        image: "nginx:${TAG:-1.27}"
        profiles: [front]
        environment: {A: "${A:?say a}", B: "${B:+b}"}
        depends_on: [db]
        networks: [front]
        models: [llm]
      db:
        build: ./db
        volumes: ["data:/x"]
    networks: {front: , unused: }
    volumes: {data: , other: }
    models: {llm: {model: ai/x}}
    """
ORDER = ["services", "volumes", "networks", "models", "hash", "profiles", "images", "variables", "environment"]


@pytest.fixture
def spec(shell: Shell) -> Shell:
    shell.write(SPEC)
    shell.set("A", "1")
    return shell


@pytest.mark.parametrize(
    ("option", "listed", "in_front"),
    [
        ("--services", ["db"], ["db", "web"]),
        ("--volumes", ["data"], ["data"]),
        ("--networks", ["default"], ["default", "front"]),
        ("--models", [], ["ai/x"]),
        ("--images", ["shop-db"], ["shop-db", "nginx:1.27"]),
        ("--profiles", ["front"], ["front"]),
    ],
)
def test_a_list_holds_what_is_active(spec: Shell, option: str, listed: list[str], in_front: list[str]) -> None:
    assert listed == spec("config", option).ok().out.split()
    assert in_front == spec("--profile", "front", "config", option).ok().out.split()


def test_without_interpolation_images_are_listed_as_written(spec: Shell) -> None:
    spec.set("COMPOSE_PROFILES", "front")
    assert ["shop-db", "nginx:${TAG:-1.27}"] == spec("config", "--images", "--no-interpolate").ok().out.split()
    assert ["data"] == spec("config", "--volumes", "--no-interpolate").ok().out.split()


def test_named_services_pick_out_images_and_leave_the_other_lists_alone(spec: Shell) -> None:
    assert ["shop-db", "nginx:1.27"] == spec("config", "--images", "web").ok().out.split()
    assert ["db"] == spec("config", "--services", "web").ok().out.split()


@pytest.mark.parametrize("number", range(len(ORDER) - 1))
def test_of_two_lists_the_first_in_composes_order_is_printed(spec: Shell, number: int) -> None:
    def flags(name: str) -> list[str]:
        return ["--hash", "*"] if name == "hash" else [f"--{name}"]

    first, second = flags(ORDER[number]), flags(ORDER[number + 1])
    assert spec("config", *first).ok().out == spec("config", *second, *first).ok().out


def test_variables_have_composes_keys(spec: Shell) -> None:
    found = spec("config", "--variables", "--format", "json").ok().json
    assert {"Name": "B", "DefaultValue": "", "PresenceValue": "b", "Required": False} == found["B"]
    assert {"Name": "A", "DefaultValue": "", "PresenceValue": "", "Required": True} == found["A"]
    assert 'TAG:\n  defaultvalue: "1.27"\n' in spec("config", "--variables", "--format", "yaml").ok().out
    table = spec("config", "--variables").ok().out.splitlines()
    assert ["NAME", "REQUIRED", "DEFAULT", "VALUE", "ALTERNATE", "VALUE"] == table[0].split()


def test_hashes_come_sorted_and_an_inactive_service_has_none(spec: Shell) -> None:
    lines = spec("--profile", "front", "config", "--hash", "web,db").ok().out.splitlines()
    assert ["db", "web"] == [line.split()[0] for line in lines]
    assert "web" in spec("config", "--hash", "web").failed(1).err


def test_a_format_that_does_not_exist_is_refused(spec: Shell) -> None:
    assert "hint: write yaml or json" in spec("config", "--format", "xml").failed(2).err


def test_quiet_prints_and_writes_nothing(spec: Shell) -> None:
    assert "" == spec("config", "-q", "-o", "out.yml").ok().out
    assert not (spec.folder / "out.yml").exists()


def test_convert_is_config(spec: Shell) -> None:
    assert spec("config").ok().out == spec("convert").ok().out


def test_json_is_what_the_yaml_says(spec: Shell) -> None:
    assert "shop" == json.loads(spec("config", "--format", "json").ok().out)["name"]
