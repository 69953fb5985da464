"""Commands that look: columns, keys and filters that scripts rely on."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell

PS_KEYS = """
Command CreatedAt ExitCode Health ID Image Labels LocalVolumes Mounts Name Names Networks Ports Project Publishers
RunningFor Service Size State Status
"""


@pytest.fixture
def running(shop: Shell) -> Shell:
    shop("up", "-d").ok()
    return shop


def test_ps_has_composes_columns(running: Shell) -> None:
    table = running("ps").ok().out.splitlines()
    assert ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"] == table[0].split()
    assert ["shop-db-1", "shop-web-1"] == [line.split()[0] for line in table[1:]]


def test_ps_as_json_has_composes_keys_one_object_a_line(running: Shell) -> None:
    records = [json.loads(line) for line in running("ps", "--format", "json").ok().out.splitlines()]
    assert ["shop-db-1", "shop-web-1"] == [record["Name"] for record in records]
    assert PS_KEYS.split() == sorted(records[0])


def test_ps_shows_what_a_probe_says_as_health(shell: Shell) -> None:
    shell.write("services: {web: {image: web, x-stack: {probe: {tcp: {port: 80}}}}, db: {image: db}}")
    shell("up", "-d").ok()
    records = [json.loads(line) for line in shell("ps", "--format", "json").ok().out.splitlines()]
    assert {"web": "healthy", "db": ""} == {record["Service"]: record["Health"] for record in records}
    assert ["(healthy)" in line for line in shell("ps").ok().out.splitlines()[1:]] == [False, True]


def test_ps_shows_what_runs_and_with_a_everything(running: Shell) -> None:
    running("stop", "web").ok()
    assert ["db"] == running("ps", "--services").ok().out.split()
    assert ["db", "web"] == running("ps", "-a", "--services").ok().out.split()
    assert ["web"] == running("ps", "--services", "--status", "exited").ok().out.split()
    assert ["web"] == running("ps", "--services", "--filter", "status=exited").ok().out.split()


def test_ps_knows_the_services_of_the_file_and_refuses_others(running: Shell) -> None:
    running("down").ok()
    assert 1 == len(running("ps", "web").ok().out.splitlines())
    assert "no such service: wob" in running("ps", "wob").failed(1).err


def test_ps_refuses_a_state_that_does_not_exist(running: Shell) -> None:
    assert "'up' is no state of a container" in running("ps", "--status", "up").failed(2).err


def test_ls_lists_stacks_with_their_states_and_files(running: Shell) -> None:
    (entry,) = running("ls", "--format", "json").ok().json
    assert ("shop", "running(2)") == (entry["Name"], entry["Status"])
    assert entry["ConfigFiles"].endswith("app.yml")
    assert "shop\n" == running("ls", "-q", "--filter", "name=^sh").ok().out
    assert "" == running("ls", "-q", "--filter", "name=^x").ok().out


def test_ls_leaves_out_stacks_that_are_stopped_unless_asked(running: Shell) -> None:
    running("stop").ok()
    assert [] == running("ls", "--format", "json").ok().json
    assert ["exited(2)"] == [entry["Status"] for entry in running("ls", "-a", "--format", "json").ok().json]


def test_logs_name_the_container_before_each_line(running: Shell) -> None:
    assert ["db-1   | shop-db-1 says hello", "web-1  | shop-web-1 says hello"] == sorted(
        running("logs").ok().out.splitlines()
    )
    assert "shop-web-1 says hello\n" == running("logs", "--no-log-prefix", "web").ok().out


def test_graph_in_four_forms(shop: Shell) -> None:
    assert "web" in shop("graph").ok().out
    assert shop("graph", "--format", "dot").ok().out.startswith("digraph")
    assert shop("graph", "--format", "mermaid").ok().out.startswith("graph LR")
    drawn = shop("graph", "--format", "json").ok().json
    assert [("web", "db")] == [(edge["service"], edge["depends_on"]) for edge in drawn["dependencies"]]


def test_config_prints_the_stack_or_a_list_of_it(shop: Shell) -> None:
    assert "name: shop" in shop("config").ok().out
    assert "shop" == shop("config", "--format", "json").ok().json["name"]
    assert ["db", "web"] == shop("config", "--services").ok().out.split()
    assert ["db:1", "web:1"] == shop("config", "--images").ok().out.split()
    assert "" == shop("config", "-q").ok().out


def test_config_reads_standard_input_and_writes_a_file(shell: Shell) -> None:
    shell("config", "-f", "-", "-o", "out.yml", stdin="name: piped\nservices: {a: {image: i}}").ok()
    assert "name: piped" in (shell.folder / "out.yml").read_text()


def test_exec_needs_a_running_container(running: Shell) -> None:
    running("stop", "web").ok()
    assert 'service "web" is not running' in running("exec", "web", "true").failed().err


def test_lists_take_templates_as_docker_does(running: Shell) -> None:
    assert "shop-db-1 running\nshop-web-1 running\n" == running("ps", "--format", "{{.Name}} {{.State}}").ok().out
    label = 'table {{.Service}}\\t{{.Label "com.docker.compose.project"}}'
    heading, *rows = running("ps", "--format", label).ok().out.splitlines()
    assert heading.split() == ["SERVICE", "com.docker.compose.project"]
    assert [["db", "shop"], ["web", "shop"]] == [row.split() for row in rows]
    assert "names: shop-db-1\n" in running("ps", "--format", "raw").ok().out
    assert "shop: running(2)\n" == running("ls", "--format", "{{.Name}}: {{.Status}}").ok().out
    assert (
        "shop-db-1 db\nshop-web-1 web\n" == running("images", "--format", "{{.ContainerName}} {{.Repository}}").ok().out
    )
    refused = running("ps", "--format", "{{.Nmae}}").failed(2)
    assert "there is no field Nmae; did you mean .Name?" in refused.err


def test_ps_has_the_usual_format_of_dockers_configuration(running: Shell) -> None:
    running.write('{"psFormat": "table {{.Name}}"}', "docker/config.json")
    running.set("DOCKER_CONFIG", str(running.folder / "docker"))
    assert "NAME\nshop-db-1\nshop-web-1\n" == running("ps").ok().out
    assert "IMAGE" in running("ps", "--format", "table").ok().out
