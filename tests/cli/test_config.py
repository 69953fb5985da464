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
    assert 'TAG:\n  name: TAG\n  defaultvalue: "1.27"\n' in spec("config", "--variables", "--format", "yaml").ok().out
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


def test_a_model_is_printed_in_the_order_and_with_the_quotes_that_compose_users_search_for(shell: Shell) -> None:
    shell.write(
        """
        name: shop
        services:
          web:
            ports: ["127.0.0.1:8080:80"]
            image: busybox
            healthcheck: {retries: 3, test: [CMD, "true"], interval: 90s}
            environment: {B10: "-x", B9: "on", DBNAME: "a: b", DB_HOST: "'", "N": "0x1"}
        volumes: {data: {name: data}}
        """
    )
    assert (
        """\
name: shop
services:
  web:
    environment:
      B9: "on"
      B10: -x
      DB_HOST: ''''
      DBNAME: 'a: b'
      "N": "0x1"
    healthcheck:
      test:
        - CMD
        - "true"
      interval: 1m30s
      retries: 3
    image: busybox
    networks:
      default: null
    ports:
      - mode: ingress
        host_ip: 127.0.0.1
        target: 80
        published: "8080"
        protocol: tcp
networks:
  default:
    name: shop_default
"""
        == shell("config").ok().out
    )
    assert ["mode", "host_ip", "target", "published", "protocol"] == list(
        shell("config", "--format", "json").ok().json["services"]["web"]["ports"][0]
    )


def test_services_are_listed_by_their_profiles_and_labels(shell: Shell) -> None:
    shell.write(
        """
        services:
          api: {image: a, labels: {team: red}}
          job: {image: a, profiles: [night, week], labels: {team: red, urgent: ""}}
          mail: {image: a, profiles: [night]}
        """
    )

    def listed(*criteria: str) -> list[str]:
        return (
            shell("config", "--services", *(word for each in criteria for word in ("--filter", each))).ok().out.split()
        )

    assert ["job", "mail"] == listed("profile=night")
    assert ["api"] == listed("label=team=red")
    assert ["job"] == listed("profile=night", "label=team=red")
    assert ["job"] == listed("profile=night", "label=urgent")
    assert [] == listed("profile=other")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--services", "--filter", "profile=*"], "profiles must be selected explicitly"),
        (["--services", "--filter", "color=red"], 'unknown criteria "color"'),
        (["--services", "--filter", "label"], "names no label"),
        (["--filter", "profile=x"], "--filter requires --services"),
    ],
)
def test_criteria_that_say_nothing_are_refused(shell: Shell, words: list[str], said: str) -> None:
    shell.write("services: {a: {image: a}}")
    assert said in shell("config", *words).failed(2).err


def test_services_named_where_they_do_not_count_are_told_of(spec: Shell) -> None:
    said = "service filtering is not applied when {} is set"
    assert said.format("--variables") in spec("config", "--variables", "web").ok().err
    assert said.format("--no-interpolate") in spec("config", "--no-interpolate", "web").ok().err


def test_an_incomplete_service_has_a_fingerprint_when_nothing_is_checked(shell: Shell) -> None:
    shell.write("services: {half: {tty: true}}")
    assert shell("config", "--hash", "*").code == 2
    assert shell("config", "--no-consistency", "--hash", "*").ok().out.startswith("half ")


def test_the_word_compose_in_front_changes_nothing(spec: Shell) -> None:
    assert spec("config", "--services").ok().out == spec("compose", "config", "--services").ok().out
