"""Every attribute of the file reaches the engine: one stack that uses them all, read back from the engine's raw answers.

``READ`` maps a property of the schema, written ``definition.key``, to where the engine shows it and what it has to show. What is
no property of anything on the engine stands in ``ELSEWHERE`` with the place that answers for it; a test goes through the schema.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.events import Quiet
from orchestrator.executor import apply
from orchestrator.model.observed import Scope
from orchestrator.model.plan import Level, Outcome
from orchestrator.model.stack import Stack
from orchestrator.planner.plan import plan
from orchestrator.planner.policy import Policy
from orchestrator.spec import schema
from orchestrator.spec.load import LoadRequest, load_stack
from tests.support.adapter import World
from tests.support.engines import Engine
from tests.support.projects import unique_name

SEED = '{"defaultAction":"SCMP_ACT_ALLOW"}'
STACK = """
name: NAME
x-base: &base {image: "busybox:stable", command: [sleep, "1000"]}
services:
  words:
    image: busybox:stable
    platform: linux/amd64
    container_name: NAME-by-hand
    command: sleep "10 00"
    entrypoint: [/bin/sh, -c]
    environment: {A: "1", EMPTY: ""}
    env_file: [{path: ./more.env, required: true, format: raw}, {path: ./none.env, required: false}]
    labels: {owner: me}
    label_file: ./labels
    user: "10:20"
    working_dir: /srv
    hostname: shop
    domainname: example.org
    tty: true
    stdin_open: true
    stop_signal: SIGUSR1
    stop_grace_period: 1m30s
    init: true
    attach: false
    profiles: []
    restart: on-failure:4
    runtime: runc
    logging: {driver: json-file, options: {max-size: 1m}}
    healthcheck: {test: [CMD, "true"], interval: 2s, timeout: 3s, start_period: 4s, retries: 5}
  unhealthy: {<<: *base, healthcheck: {disable: true}}
  rights:
    <<: *base
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    privileged: false
    read_only: true
    security_opt: [no-new-privileges:true, seccomp=./seccomp.json]
    group_add: ["10", audio]
    devices: ["/dev/null:/dev/nil:r", {source: /dev/zero, target: /dev/one, permissions: rw}]
    device_cgroup_rules: ["c 1:3 mr"]
    cgroup: host
    cgroup_parent: /stack-attributes
    ipc: shareable
    uts: host
    userns_mode: host
    sysctls: {net.core.somaxconn: "1024"}
    ulimits: {nofile: {soft: 1000, hard: 2000}, nproc: 99}
    gpus: [{capabilities: [utility], driver: nvidia, device_ids: ["0"], options: {a: b}}]
  strong: {<<: *base, privileged: true, pid: host}
  limits:
    <<: *base
    cpus: 0.5
    cpu_shares: 512
    cpuset: "0"
    mem_limit: 64m
    mem_reservation: 32m
    memswap_limit: 128m
    mem_swappiness: 0
    pids_limit: 100
    shm_size: 32m
    oom_kill_disable: true
    oom_score_adj: 500
    blkio_config:
      weight: 300
      weight_device: [{path: DISK, weight: 400}]
      device_read_bps: [{path: DISK, rate: 1mb}]
      device_read_iops: [{path: DISK, rate: 100}]
      device_write_bps: [{path: DISK, rate: 2mb}]
      device_write_iops: [{path: DISK, rate: 200}]
  quota: {<<: *base, cpu_quota: 50000, cpu_period: 100000}
  deployed:
    <<: *base
    deploy:
      replicas: 2
      resources:
        limits: {cpus: "0.25", memory: 48m, pids: 50}
        reservations:
          memory: 24m
          devices: [{capabilities: [gpu], count: 1, driver: nvidia, options: {c: d}}, {capabilities: [gpu], device_ids: [x]}]
      restart_policy: {condition: on-failure, max_attempts: 6}
  net:
    <<: *base
    dns: [10.0.0.53]
    dns_opt: [ndots:1]
    dns_search: example.org
    extra_hosts: ["a=10.0.0.1"]
    expose: ["8080", "53/udp"]
    links: [words:w]
    external_links: ["NAME.stranger:q"]
    mac_address: "02:42:ac:11:65:43"
    ports:
      - {target: 80, published: "23480", protocol: udp, host_ip: 127.0.0.1, mode: host}
    networks:
      front:
        priority: 100
        aliases: [shop]
        ipv4_address: 10.201.78.10
        ipv6_address: "fd00:78::10"
        link_local_ips: [169.254.8.8]
        driver_opts: {com.example: x}
      back: {}
  alone: {<<: *base, network_mode: none}
  shares: {<<: *base, volumes_from: ["mounts:ro"]}
  mounts:
    <<: *base
    tmpfs: ["/scratch:size=1m"]
    storage_opt: {}
    volumes:
      - {type: bind, source: ./made, target: /made, read_only: true, bind: {create_host_path: true, propagation: rslave}}
      - {type: bind, source: ./there, target: /labelled, bind: {create_host_path: false, selinux: z}}
      - {type: bind, source: ./there, target: /there, bind: {create_host_path: false, recursive: disabled}}
      - {type: volume, source: data, target: /data, volume: {nocopy: true}}
      - {type: volume, target: /anonymous, volume: {labels: {kept: "no"}}}
      - {type: tmpfs, target: /fast, tmpfs: {size: 1m, mode: 0700}}
      - {type: bind, source: ./there, target: /consistent, consistency: cached}
    configs: [{source: site, target: /etc/site.conf, uid: "5", gid: "6", mode: "0440"}]
    secrets: [{source: key, target: /key, uid: "7", gid: "8", mode: "0400"}, from-env]
networks:
  front:
    name: NAME-front
    driver: bridge
    driver_opts: {com.docker.network.bridge.name: brNAME}
    attachable: true
    internal: true
    enable_ipv6: true
    labels: {team: web}
    ipam:
      driver: default
      options: {o: "1"}
      config:
        - {subnet: 10.201.78.0/24, ip_range: 10.201.78.0/25, gateway: 10.201.78.1, aux_addresses: {host1: 10.201.78.5}}
        - {subnet: "fd00:78::/64"}
  back: {}
volumes:
  data: {name: NAME-data, driver: local, driver_opts: {type: tmpfs, device: tmpfs, o: size=1m}, labels: {team: db}}
configs: {site: {content: "listen"}}
secrets: {key: {file: ./key}, from-env: {environment: KEY}}
"""
NEWER = """
name: NAME
x-base: &base {image: "busybox:stable", command: [sleep, "1000"]}
services:
  fresh:
    <<: *base
    annotations: {org.example/x: y}
    healthcheck: {test: "true", start_period: 2s, start_interval: 1s}
    volumes:
      - {type: volume, source: data, target: /data, volume: {subpath: sub}}
      - {type: image, source: "busybox:stable", target: /image, image: {subpath: bin}}
      - {type: bind, source: ./there, target: /there, read_only: true, bind: {recursive: readonly}}
    networks:
      one: {gw_priority: 7, interface_name: web0}
      two: {mac_address: "02:42:ac:11:65:44"}
      six: {}
networks: {one: {}, two: {}, six: {enable_ipv4: false, enable_ipv6: true}}
volumes: {data: {}}
"""


def at(*path: str | int) -> Callable[[Any], Any]:
    """What stands at a path of the engine's answer."""

    def read(answer: Any) -> Any:
        for step in path:
            answer = answer[step]
        return answer

    return read


def host(*path: str | int) -> Callable[[Any], Any]:
    return at("HostConfig", *path)


def config(*path: str | int) -> Callable[[Any], Any]:
    return at("Config", *path)


def mounted(target: str, *path: str) -> Callable[[Any], Any]:
    """A mount of the Mounts API."""

    def read(answer: Any) -> Any:
        found = next(mount for mount in answer["HostConfig"]["Mounts"] if mount["Target"] == target)
        return at(*path)(found)

    return read


def bound(target: str) -> Callable[[Any], Any]:
    """The options of a bind string."""
    return lambda answer: next(
        sorted(text.split(":")[2].split(",")) for text in answer["HostConfig"]["Binds"] if text.split(":")[1] == target
    )


def endpoint(network: str, *path: str) -> Callable[[Any], Any]:
    def read(answer: Any) -> Any:
        stack = answer["Config"]["Labels"]["com.docker.compose.project"]
        return at("NetworkSettings", "Networks", network.replace("NAME", stack), *path)(answer)

    return read


def has(value: str, *path: str) -> Callable[[Any], bool]:
    return lambda answer: value in at(*path)(answer)


ULIMITS = [{"Name": "nofile", "Soft": 1000, "Hard": 2000}, {"Name": "nproc", "Soft": 99, "Hard": 99}]
Row = tuple[str, Callable[[Any], Any], Any]
# property -> (service, network:KEY or volume:KEY, how to read it, what it is). NAME is the stack's name.
READ: dict[str, Row] = {
    "service.image": ("words-by-hand", config("Image"), "busybox:stable"),
    "service.platform": ("words-by-hand", at("Platform"), "linux"),
    "service.container_name": ("words-by-hand", at("Name"), "/NAME-by-hand"),
    "service.command": ("words-by-hand", config("Cmd"), ["sleep", "10 00"]),
    "service.entrypoint": ("words-by-hand", config("Entrypoint"), ["/bin/sh", "-c"]),
    "service.environment": ("words-by-hand", has("EMPTY=", "Config", "Env"), True),
    "service.env_file": ("words-by-hand", has("MORE='raw'", "Config", "Env"), True),
    "service.labels": ("words-by-hand", config("Labels", "owner"), "me"),
    "service.label_file": ("words-by-hand", config("Labels", "from.file"), "yes"),
    "service.user": ("words-by-hand", config("User"), "10:20"),
    "service.working_dir": ("words-by-hand", config("WorkingDir"), "/srv"),
    "service.hostname": ("words-by-hand", config("Hostname"), "shop"),
    "service.domainname": ("words-by-hand", config("Domainname"), "example.org"),
    "service.tty": ("words-by-hand", config("Tty"), True),
    "service.stdin_open": ("words-by-hand", config("OpenStdin"), True),
    "service.stop_signal": ("words-by-hand", config("StopSignal"), "SIGUSR1"),
    "service.stop_grace_period": ("words-by-hand", config("StopTimeout"), 90),
    "service.init": ("words-by-hand", host("Init"), True),
    "service.restart": ("words-by-hand", host("RestartPolicy"), {"Name": "on-failure", "MaximumRetryCount": 4}),
    "service.runtime": ("words-by-hand", host("Runtime"), "runc"),
    "logging.driver": ("words-by-hand", host("LogConfig", "Type"), "json-file"),
    "logging.options": ("words-by-hand", host("LogConfig", "Config"), {"max-size": "1m"}),
    "healthcheck.test": ("words-by-hand", config("Healthcheck", "Test"), ["CMD", "true"]),
    "healthcheck.interval": ("words-by-hand", config("Healthcheck", "Interval"), 2 * 10**9),
    "healthcheck.timeout": ("words-by-hand", config("Healthcheck", "Timeout"), 3 * 10**9),
    "healthcheck.start_period": ("words-by-hand", config("Healthcheck", "StartPeriod"), 4 * 10**9),
    "healthcheck.retries": ("words-by-hand", config("Healthcheck", "Retries"), 5),
    "healthcheck.disable": ("unhealthy", config("Healthcheck", "Test"), ["NONE"]),
    "service.cap_add": ("rights", host("CapAdd"), ["CAP_NET_ADMIN"]),
    "service.cap_drop": ("rights", host("CapDrop"), ["CAP_MKNOD"]),
    "service.privileged": ("strong", host("Privileged"), True),
    "service.read_only": ("rights", host("ReadonlyRootfs"), True),
    "service.security_opt": ("rights", host("SecurityOpt"), ["no-new-privileges:true", f"seccomp={SEED}"]),
    "service.group_add": ("rights", host("GroupAdd"), ["10", "audio"]),
    "device.source": ("rights", host("Devices", 0, "PathOnHost"), "/dev/null"),
    "device.target": ("rights", host("Devices", 1, "PathInContainer"), "/dev/one"),
    "device.permissions": ("rights", host("Devices", 1, "CgroupPermissions"), "rw"),
    "service.device_cgroup_rules": ("rights", host("DeviceCgroupRules"), ["c 1:3 mr"]),
    "service.cgroup": ("rights", host("CgroupnsMode"), "host"),
    "service.cgroup_parent": ("rights", host("CgroupParent"), "/stack-attributes"),
    "service.ipc": ("rights", host("IpcMode"), "shareable"),
    "service.pid": ("strong", host("PidMode"), "host"),
    "service.uts": ("rights", host("UTSMode"), "host"),
    "service.userns_mode": ("rights", host("UsernsMode"), "host"),
    "service.sysctls": ("rights", host("Sysctls"), {"net.core.somaxconn": "1024"}),
    "ulimit.soft": ("rights", host("Ulimits"), ULIMITS),
    "device_request.capabilities": ("rights", host("DeviceRequests", 0, "Capabilities"), [["utility", "gpu"]]),
    "device_request.driver": ("rights", host("DeviceRequests", 0, "Driver"), "nvidia"),
    "device_request.device_ids": ("rights", host("DeviceRequests", 0, "DeviceIDs"), ["0"]),
    "device_request.options": ("rights", host("DeviceRequests", 0, "Options"), {"a": "b"}),
    "service.cpus": ("limits", host("NanoCpus"), 500_000_000),
    "service.cpu_shares": ("limits", host("CpuShares"), 512),
    "service.cpuset": ("limits", host("CpusetCpus"), "0"),
    "service.mem_limit": ("limits", host("Memory"), 64 << 20),
    "service.mem_reservation": ("limits", host("MemoryReservation"), 32 << 20),
    "service.memswap_limit": ("limits", host("MemorySwap"), 128 << 20),
    "service.mem_swappiness": ("limits", host("MemorySwappiness"), 0),
    "service.pids_limit": ("limits", host("PidsLimit"), 100),
    "service.shm_size": ("limits", host("ShmSize"), 32 << 20),
    "service.oom_kill_disable": ("limits", host("OomKillDisable"), True),
    "service.oom_score_adj": ("limits", host("OomScoreAdj"), 500),
    "blkio_config.device_read_bps": ("limits", host("BlkioDeviceReadBps", 0, "Rate"), 1 << 20),
    "blkio_config.device_read_iops": ("limits", host("BlkioDeviceReadIOps", 0, "Rate"), 100),
    "blkio_config.device_write_bps": ("limits", host("BlkioDeviceWriteBps", 0, "Rate"), 2 << 20),
    "blkio_config.device_write_iops": ("limits", host("BlkioDeviceWriteIOps", 0, "Rate"), 200),
    "service.cpu_quota": ("quota", host("CpuQuota"), 50_000),
    "service.cpu_period": ("quota", host("CpuPeriod"), 100_000),
    "limits.cpus": ("deployed", host("NanoCpus"), 250_000_000),
    "limits.memory": ("deployed", host("Memory"), 48 << 20),
    "limits.pids": ("deployed", host("PidsLimit"), 50),
    "reservations.memory": ("deployed", host("MemoryReservation"), 24 << 20),
    "reserved_device.capabilities": ("deployed", host("DeviceRequests", 0, "Capabilities"), [["gpu"]]),
    "reserved_device.count": ("deployed", host("DeviceRequests", 0, "Count"), 1),
    "reserved_device.driver": ("deployed", host("DeviceRequests", 0, "Driver"), "nvidia"),
    "reserved_device.options": ("deployed", host("DeviceRequests", 0, "Options"), {"c": "d"}),
    "reserved_device.device_ids": ("deployed", host("DeviceRequests", 1, "DeviceIDs"), ["x"]),
    "restart_policy.condition": ("deployed", host("RestartPolicy", "Name"), "on-failure"),
    "restart_policy.max_attempts": ("deployed", host("RestartPolicy", "MaximumRetryCount"), 6),
    "deploy.replicas": ("deployed-2", at("Name"), "/NAME-deployed-2"),
    "service.dns": ("net", host("Dns"), ["10.0.0.53"]),
    "service.dns_opt": ("net", host("DnsOptions"), ["ndots:1"]),
    "service.dns_search": ("net", host("DnsSearch"), ["example.org"]),
    "service.extra_hosts": ("net", host("ExtraHosts"), ["a:10.0.0.1"]),
    "service.expose": ("net", config("ExposedPorts"), {"8080/tcp": {}, "53/udp": {}, "80/udp": {}}),
    "service.links": ("net", lambda answer: "NAME-by-hand:w" in _named(answer, "Links"), True),
    "service.external_links": ("net", lambda answer: "NAME.stranger:q" in _named(answer, "Links"), True),
    "port.target": ("net", host("PortBindings"), {"80/udp": [{"HostIp": "127.0.0.1", "HostPort": "23480"}]}),
    "service_network.aliases": ("net", lambda answer: "shop" in _named(answer, "Aliases"), True),
    "service_network.ipv4_address": ("net", lambda answer: _front(answer)["IPAMConfig"]["IPv4Address"], "10.201.78.10"),
    "service_network.ipv6_address": ("net", lambda answer: _front(answer)["IPAMConfig"]["IPv6Address"], "fd00:78::10"),
    "service_network.link_local_ips": ("net", lambda answer: _front(answer)["IPAMConfig"]["LinkLocalIPs"], ["169.254.8.8"]),
    "service_network.driver_opts": ("net", lambda answer: _front(answer)["DriverOpts"], {"com.example": "x"}),
    "service.mac_address": ("net", lambda answer: answer["Config"].get("MacAddress") or _front(answer)["MacAddress"], "02:42:ac:11:65:43"),
    "service.network_mode": ("alone", host("NetworkMode"), "none"),
    "service.volumes_from": ("shares", lambda answer: answer["HostConfig"]["VolumesFrom"][0].endswith(":ro"), True),
    "service.tmpfs": ("mounts", host("Tmpfs", "/scratch"), "size=1m"),
    "mount.read_only": ("mounts", bound("/made"), ["ro", "rslave"]),
    "mount_bind.selinux": ("mounts", bound("/labelled"), ["rw", "z"]),
    "mount_bind.create_host_path": ("mounts", mounted("/there", "Type"), "bind"),
    "mount_bind.recursive": ("mounts", mounted("/there", "BindOptions", "NonRecursive"), True),
    "mount.source": ("mounts", mounted("/data", "Source"), "NAME-data"),
    "mount_volume.nocopy": ("mounts", mounted("/data", "VolumeOptions", "NoCopy"), True),
    "mount_volume.labels": ("mounts", mounted("/anonymous", "VolumeOptions", "Labels", "kept"), "no"),
    "mount_tmpfs.size": ("mounts", host("Tmpfs", "/fast"), "size=1048576,mode=700"),
    "mount.consistency": ("mounts", mounted("/consistent", "Consistency"), "cached"),
    "service.configs": ("mounts", mounted("/etc/site.conf", "ReadOnly"), True),
    "service.secrets": ("mounts", mounted("/run/secrets/from-env", "ReadOnly"), True),
    "network.name": ("network:front", at("Name"), "NAME-front"),
    "network.driver": ("network:front", at("Driver"), "bridge"),
    "network.driver_opts": ("network:front", at("Options", "com.docker.network.bridge.name"), "brNAME"),
    "network.attachable": ("network:front", at("Attachable"), True),
    "network.internal": ("network:front", at("Internal"), True),
    "network.enable_ipv6": ("network:front", at("EnableIPv6"), True),
    "network.labels": ("network:front", at("Labels", "team"), "web"),
    "ipam.driver": ("network:front", at("IPAM", "Driver"), "default"),
    "ipam.options": ("network:front", at("IPAM", "Options"), {"o": "1"}),
    "ipam_pool.subnet": ("network:front", at("IPAM", "Config", 0, "Subnet"), "10.201.78.0/24"),
    "ipam_pool.ip_range": ("network:front", at("IPAM", "Config", 0, "IPRange"), "10.201.78.0/25"),
    "ipam_pool.gateway": ("network:front", at("IPAM", "Config", 0, "Gateway"), "10.201.78.1"),
    "ipam_pool.aux_addresses": ("network:front", at("IPAM", "Config", 0, "AuxiliaryAddresses"), {"host1": "10.201.78.5"}),
    "volume.name": ("volume:data", at("Name"), "NAME-data"),
    "volume.driver": ("volume:data", at("Driver"), "local"),
    "volume.driver_opts": ("volume:data", at("Options"), {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}),
    "volume.labels": ("volume:data", at("Labels", "team"), "db"),
}  # fmt: skip
READ_ON_NEWER: dict[str, Row] = {
    "service.annotations": ("fresh", host("Annotations"), {"org.example/x": "y"}),
    "healthcheck.start_interval": ("fresh", config("Healthcheck", "StartInterval"), 10**9),
    "mount_volume.subpath": ("fresh", mounted("/data", "VolumeOptions", "Subpath"), "sub"),
    "mount_image.subpath": ("fresh", mounted("/image", "ImageOptions", "Subpath"), "bin"),
    "mount_bind.recursive": ("fresh", mounted("/there", "BindOptions", "ReadOnlyForceRecursive"), True),
    "service_network.gw_priority": ("fresh", endpoint("NAME_one", "GwPriority"), 7),
    "service_network.interface_name": (
        "fresh",
        endpoint("NAME_one", "DriverOpts"),
        {"com.docker.network.endpoint.ifname": "web0"},
    ),
    "service_network.mac_address": ("fresh", endpoint("NAME_two", "MacAddress"), "02:42:ac:11:65:44"),
    "network.enable_ipv4": ("network:six", at("EnableIPv4"), False),
}
# Properties that no container, network or volume shows, and who answers for them.
MODEL, PLANNER, BUILD, SAID = "the loader", "the planner's cases", "the tests of builds", "said to have no effect"
ELSEWHERE: dict[str, str] = {
    "service.attach": "what `up` follows",
    "service.build": BUILD,
    "service.blkio_config": "blkio_config.*",
    "service.cpu_count": SAID,
    "service.cpu_percent": SAID,
    "service.cpu_rt_period": "the engine refuses it where the kernel has no realtime groups",
    "service.cpu_rt_runtime": "the engine refuses it where the kernel has no realtime groups",
    "service.credential_spec": "refused outside of Windows",
    "service.isolation": "refused outside of Windows",
    "service.depends_on": PLANNER,
    "service.deploy": "deploy.*",
    "service.develop": "`stack watch`",
    "service.devices": "device.*",
    "service.extends": MODEL,
    "service.gpus": "device_request.*",
    "service.healthcheck": "healthcheck.*",
    "service.logging": "logging.*",
    "service.models": "models need a program of their own",
    "service.networks": "service_network.*",
    "service.ports": "port.*",
    "service.post_start": "tests/engine/test_hooks.py",
    "service.pre_start": "tests/engine/test_hooks.py",
    "service.pre_stop": "tests/engine/test_hooks.py",
    "service.profiles": MODEL,
    "service.provider": "tests/unit/docker/test_provider.py",
    "service.pull_policy": PLANNER,
    "service.pull_refresh_after": SAID,
    "service.scale": PLANNER,
    "service.storage_opt": "the engine refuses it on file systems without quotas",
    "service.ulimits": "ulimit.*",
    "service.use_api_socket": "tests/unit/docker/test_translate.py: not every engine of the tests has the usual socket",
    "service.volumes": "mount.*",
    "service.x-stack": PLANNER,
    "ulimit.hard": "ulimit.soft",
    "device_request.count": "reserved_device.count",
    "port.published": "port.target",
    "port.protocol": "port.target",
    "port.host_ip": "port.target",
    "port.mode": "on one host both modes publish on the host",
    "port.name": SAID,
    "port.app_protocol": SAID,
    "mount.type": "mount.source",
    "mount.target": "mount.source",
    "mount.bind": "mount_bind.*",
    "mount.volume": "mount_volume.*",
    "mount.tmpfs": "mount_tmpfs.*",
    "mount.image": "mount_image.*",
    "mount_bind.propagation": "mount.read_only",
    "mount_tmpfs.mode": "mount_tmpfs.size",
    "service_network.priority": "the test of the primary network",
    "network.external": PLANNER,
    "network.ipam": "ipam.*",
    "ipam.config": "ipam_pool.*",
    "volume.external": PLANNER,
    "volume.x-stack": PLANNER,
    "blkio_config.weight": "not every kernel has it: a-setting-that-the-engine-discards.yml",
    "blkio_config.weight_device": "not every kernel has it: a-setting-that-the-engine-discards.yml",
    "blkio_limit.path": "blkio_config.*",
    "blkio_limit.rate": "blkio_config.*",
    "blkio_weight.path": "blkio_config.*",
    "blkio_weight.weight": "blkio_config.*",
    "deploy.endpoint_mode": "the front end",
    "deploy.labels": SAID,
    "deploy.mode": "tests/engine/test_deploy.py",
    "deploy.placement": "tests/engine/test_deploy.py",
    "deploy.resources": "limits.*, reservations.*",
    "deploy.restart_policy": "restart_policy.*",
    "deploy.update_config": PLANNER,
    "deploy.rollback_config": PLANNER,
    "resources.limits": "limits.*",
    "resources.reservations": "reservations.*",
    "reservations.cpus": SAID,
    "reservations.devices": "reserved_device.*",
    "reservations.generic_resources": SAID,
    "restart_policy.delay": SAID,
    "restart_policy.window": SAID,
}
COVERED = {row.partition(".")[0] for row in (*READ, *READ_ON_NEWER)} | {
    "port",
    "deploy",
    "resources",
    "reservations",
    "mount",
}
COVERED |= {"blkio_limit", "blkio_weight", "mount_image"}


def _front(answer: Any) -> Any:
    return next(point for name, point in answer["NetworkSettings"]["Networks"].items() if name.endswith("front"))


def _named(answer: Any, key: str) -> list[str]:
    name = answer["Name"].removeprefix("/").removesuffix("-net-1")
    return [text.replace(name, "NAME") for text in _front(answer)[key]]


def properties() -> Iterator[str]:
    for definition, node in schema.schema()["$defs"].items():
        if definition in COVERED:
            yield from (f"{definition}.{key}" for key in node.get("properties", {}))


@pytest.mark.parametrize("name", sorted(properties()))
def test_every_property_is_read_back_or_answered_for(name: str) -> None:
    assert name in READ or name in READ_ON_NEWER or name in ELSEWHERE


@pytest.mark.parametrize("name", sorted({*READ, *READ_ON_NEWER, *ELSEWHERE}))
def test_every_row_is_a_property(name: str) -> None:
    assert name in set(properties())


def load(text: str, folder: Path, name: str) -> Stack:
    disk = next(str(path) for path in sorted(Path("/dev").iterdir()) if path.is_block_device())
    for file, content in (
        ("seccomp.json", SEED),
        ("more.env", "MORE='raw'\n"),
        ("labels", "from.file=yes\n"),
        ("key", "k"),
    ):
        (folder / file).write_text(content)
    (folder / "there").mkdir(exist_ok=True)
    bridge = f"br{name[-6:]}"
    (folder / "app.yml").write_text(text.replace("brNAME", bridge).replace("NAME", name).replace("DISK", disk))
    request = LoadRequest(files=(str(folder / "app.yml"),), environment={"KEY": "v"}, current_directory=str(folder))
    return load_stack(request, key=b"k" * 32)


class Created:
    """A stack whose containers are created, not started, and what the engine says of everything in it."""

    def __init__(self, world: World, stack: Stack) -> None:
        self.world, self.stack = world, stack
        scope = Scope.of(self.stack)
        for _ in range(3):
            made = plan(self.stack, self.world.adapter.observe(scope), Policy(start=False))
            done = apply(made, self.world.adapter, workers=4, sink=Quiet(), cancel=CancelToken()).results.values()
            assert [] == [str(step.error) for step in done if step.outcome is Outcome.FAILED]
        assert [] == [note.text for note in made.notes if note.level is Level.ERROR]
        self.left = made.steps

    def answer(self, what: str) -> Any:
        kind, _, key = what.rpartition(":")
        engine, name = self.world.engine, self.world.stack
        if kind == "network":
            return engine.network(self.stack.networks[key].name)
        if kind == "volume":
            return engine.volume(self.stack.volumes[key].name)
        return engine.inspect(
            f"{name}-by-hand"
            if key == "words-by-hand"
            else f"{name}-{key}"
            if key[-1:].isdigit()
            else f"{name}-{key}-1"
        )

    def expected(self, value: Any) -> Any:
        name = self.world.stack
        return json.loads(json.dumps(value).replace("brNAME", f"br{name[-6:]}").replace("NAME", name))


def bring(engine: Engine, folder: Path, text: str) -> Iterator[Created]:
    world = World(engine, unique_name("attributes"))
    stranger = engine.run(f"{world.stack}.stranger", start=False)
    try:
        yield Created(world, load(text, folder, world.stack))
    finally:
        world.close()
        engine.api.delete(f"/containers/{stranger}", force=True)


@pytest.fixture(scope="module", params=["engine", "newer_engine"])
def created(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Created]:
    yield from bring(request.getfixturevalue(request.param), tmp_path_factory.mktemp("stack"), STACK)


@pytest.fixture(scope="module")
def fresh(newer_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Created]:
    yield from bring(newer_engine, tmp_path_factory.mktemp("stack"), NEWER)


@pytest.mark.parametrize("name", READ)
def test_the_engine_has_it_as_the_file_says(created: Created, name: str) -> None:
    what, read, wanted = READ[name]

    assert created.expected(wanted) == read(created.answer(what))


def test_the_network_of_the_highest_priority_is_the_primary_one(created: Created) -> None:
    front = created.answer("network:front")

    assert created.answer("net")["HostConfig"]["NetworkMode"] in (front["Name"], front["Id"])


def test_nothing_is_left_to_do_for_a_stack_that_uses_everything(created: Created) -> None:
    """Whatever reads back otherwise than it was written would be mended again and again."""
    assert () == created.left


@pytest.mark.parametrize("name", READ_ON_NEWER)
def test_a_newer_engine_has_what_only_it_knows(fresh: Created, name: str) -> None:
    what, read, wanted = READ_ON_NEWER[name]

    assert fresh.expected(wanted) == read(fresh.answer(what))


def test_an_older_engine_is_asked_for_none_of_it(engine: Engine, tmp_path: Path) -> None:
    """It would drop the unknown in silence; so the plan changes nothing, and names every place."""
    world = World(engine, unique_name("too-old"))
    try:
        stack = load(NEWER, tmp_path, world.stack)
        made = plan(stack, world.adapter.observe(Scope.of(stack)), Policy())
    finally:
        world.close()

    assert () == made.steps
    said = {
        os.path.basename(str(note.where)).partition(", ")[2]
        for note in made.notes
        if note.reference == "engine-too-old"
    }
    assert said == {
        "services.fresh.annotations",
        "services.fresh.healthcheck.start_interval",
        "services.fresh.volumes[0].volume.subpath",
        "services.fresh.volumes[1]",
        "services.fresh.volumes[2].bind.recursive",
        "services.fresh.networks.one.gw_priority",
        "services.fresh.networks.one.interface_name",
        "services.fresh.networks.two.mac_address",
        "networks.six.enable_ipv4",
    }
