"""What docker compose created reads back as the file says, attribute by attribute: the same file plans nothing."""

from __future__ import annotations

from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.engine import DockerEngine
from orchestrator.model.observed import Scope
from orchestrator.planner.plan import plan
from orchestrator.planner.policy import Policy
from orchestrator.planner.text import render
from orchestrator.spec.load import LoadRequest, load_stack
from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project

WIDE = """
    services:
      web:
        image: busybox:stable
        command: ["sleep", "1000"]
        environment: {A: "1", EMPTY: "", UNSET: }
        ports: ["80", "127.0.0.1::81", "9999/udp"]
        expose: ["1234", "70-72/udp"]
        volumes:
          - ./file.txt:/file.txt:ro
          - data:/data
          - uncopied:/x:nocopy
          - /anonymous
          - {type: bind, source: ./file.txt, target: /given.txt, read_only: true, bind: {create_host_path: false}}
          - {type: tmpfs, target: /scratch, tmpfs: {size: 1000000, mode: 448}}
          - {type: bind, source: ., target: /here, bind: {propagation: private}}
        tmpfs: ["/run:size=1m", /tmp2]
        configs: [of_file, {source: of_content, target: /etc/content, mode: 256}]
        secrets: [of_file]
        healthcheck: {test: "exit 0", interval: 5s, timeout: 1s, retries: 2, start_period: 1s}
        deploy: {resources: {limits: {cpus: "0.5", memory: 64m, pids: 100}, reservations: {memory: 32m}}}
        networks:
          default:
          back: {aliases: [bee], priority: 10}
        stop_grace_period: 1s
        ulimits: {nofile: 1000, nproc: {soft: 1000, hard: 2000}}
        sysctls: {net.ipv4.ip_forward: "1"}
        security_opt: ["systempaths=unconfined", "no-new-privileges:true", "seccomp=./profile.json"]
        logging: {driver: json-file, options: {max-size: 1m}}
        extra_hosts: ["a:1.2.3.4", "v6:::1", "h:host-gateway"]
        init: true
        restart: on-failure:3
        devices: ["/dev/null:/dev/xnull:r"]
        device_cgroup_rules: ["c 1:3 mr"]
        shm_size: 10m
        cap_add: [NET_ADMIN]
        cap_drop: [MKNOD]
        group_add: ["10"]
        dns: 8.8.8.8
        dns_opt: ["ndots:1"]
        dns_search: [example.org]
        hostname: shop
        domainname: example.org
        labels: {owner: me}
        user: "0"
        working_dir: /srv
        tty: true
        stdin_open: true
        stop_signal: SIGKILL
        links: ["plain:sd"]
      plain: {image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL}
      many: {image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, scale: 3, ports: ["80"]}
      parent:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        ipc: shareable
        volumes: ["data:/data2", "/own"]
        healthcheck: {disable: true}
      child:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        network_mode: service:parent
        ipc: service:parent
        pid: service:parent
        volumes_from: [parent]
      of_host: {image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, network_mode: host, pid: host}
      of_none: {image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, network_mode: none, read_only: true}
      of_bridge: {image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, network_mode: bridge, ipc: private}
      named: {image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, container_name: "NAME-mine"}
      job: {image: busybox:stable, command: "true", restart: "no"}
      aloud:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        shm_size: 64m
        logging: {driver: json-file}
        runtime: runc
        mem_limit: 64m
        memswap_limit: 128m
        pids_limit: -1
        restart: "no"
    networks:
      back: {driver_opts: {com.docker.network.bridge.enable_icc: "true"}, labels: {a: b}}
    volumes:
      data:
      uncopied: {driver_opts: {type: tmpfs, device: tmpfs}, labels: {c: d}}
    configs:
      of_file: {file: ./file.txt}
      of_content: {content: "abc"}
    secrets:
      of_file: {file: ./secret.txt}
"""

NEWER = """
    services:
      web:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        annotations: {org.example/x: "y"}
        mac_address: "02:42:ac:11:65:43"
        healthcheck: {test: exit 0, start_period: 1s, start_interval: 1s}
        volumes: [{type: image, source: "busybox:stable", target: /img}]
        networks: {default: {interface_name: web0, gw_priority: 3}}
"""


def planned(project: Project) -> str:
    request = LoadRequest(
        files=(str(project.folder / "app.yml"),),
        environment=project.environment(),
        project_name=project.name,
        current_directory=str(project.folder),
    )
    stack = load_stack(request, key=b"k" * 32)
    names = frozenset(service.container_name for service in stack.services.values() if service.container_name)
    engine = DockerEngine(Client.from_environment({"DOCKER_HOST": project.engine.address}))
    try:
        return render(plan(stack, engine.observe(Scope.of(stack, container_names=names)), Policy()))
    finally:
        engine.close()


def write_wide(project: Project) -> None:
    project.write(WIDE.replace("NAME", project.name))
    for name in ("file.txt", "secret.txt"):
        project.write("x", name)
    project.write('{"defaultAction": "SCMP_ACT_ALLOW"}', "profile.json")


def test_nothing_is_to_be_done_for_what_compose_made(each_engine: Engine, make_project: ProjectMaker) -> None:
    """Brought up, or recreated: Compose then writes the names of anonymous volumes into the settings."""
    project = make_project(on=each_engine)
    write_wide(project)
    project.compose("up", "-d").ok()
    assert planned(project) == ""

    text = (project.folder / "app.yml").read_text()
    project.write(text.replace("shm_size: 10m", "shm_size: 12m").replace("pids_limit: -1", "pids_limit: 7"))
    changed = planned(project)
    assert "shm_size: 10m -> 12m" in changed
    assert "pids: (none) -> 7" in changed
    assert {"[files web]", "[replace web.1]", "[update aloud.1]"} == {
        f"[{line.rpartition('[')[2]}" for line in changed.splitlines()
    }

    project.write(text)
    project.compose("up", "-d", "--force-recreate").ok()
    assert planned(project) == ""


def test_what_newer_engines_know_is_adopted_too(newer_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=newer_engine)
    project.write(NEWER)
    project.compose("up", "-d").ok()
    assert planned(project) == ""
