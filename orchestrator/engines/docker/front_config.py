"""The text a front end is configured with, and what can be read back from it. Pure.

A ``Rotation`` goes in, HAProxy's configuration comes out. Its first lines say for which rotation it was written: ``read``
trusts them only if writing it again gives the very same text, so that any other text counts as none of ours.

A reload starts a new worker on the same sockets; the old one stops listening and serves its connections to their end. On
an HTTP port requests are dealt with one by one, so a kept connection hands over after its next answer; elsewhere a
connection stays with the replica it began with.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator.model.front import FrontEnd, FrontPort, Rotation
from orchestrator.model.probe import HttpProbe, Probe
from orchestrator.model.values import SECOND

GENERATION = "generation"  # a proxy that serves nothing; its end says that an old worker takes no more connections
_FIRST = "# Written by stack; a change by hand is undone by the next `stack up`.\n# "
_GLOBAL = f"""
global
    log stdout format raw local0 notice
    fd-hard-limit 40000

defaults
    mode tcp
    timeout connect 3s
    timeout client 24h
    timeout server 24h
    timeout client-fin 30s
    retries 3
    option redispatch

resolvers engine
    nameserver dns 127.0.0.11:53
    resolve_retries 3
    timeout resolve 1s
    timeout retry 1s
    hold valid 1s
    hold nx 2s
    hold obsolete 2s

frontend {GENERATION}
    log global
    bind abns@front-{GENERATION}
    tcp-request connection reject
"""
_HTTP_FRONT = """    mode http
    timeout http-request 60s
    timeout http-keep-alive 60s
    option idle-close-on-response
    option forwardfor
"""


def render(rotation: Rotation) -> str:
    front = rotation.front
    ports = "".join(_port(port, front.probe, rotation.members) for port in front.ports)
    return f"{_FIRST}{_written_for(rotation)}\n{_GLOBAL}{ports}"


def read(text: str) -> Rotation | None:
    """The rotation that ``text`` was written for; None where it is not exactly what we would write."""
    first = text.removeprefix(_FIRST).partition("\n")[0]
    try:
        rotation = _rotation(json.loads(first))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return rotation if render(rotation) == text else None


def _port(port: FrontPort, probe: Probe | None, members: tuple[str, ...]) -> str:
    name = f"port-{port.target}"
    mode = "    mode http\n" if port.http else "    balance leastconn\n"
    front = (
        f"\nfrontend {name}\n    bind *:{port.target}\n{_HTTP_FRONT if port.http else ''}    default_backend {name}\n"
    )
    check, options = _check(probe)
    servers = "".join(_server(member, port.target, options) for member in members)
    return f"{front}\nbackend {name}\n{mode}{check}{servers}"


def _check(probe: Probe | None) -> tuple[str, str]:
    """How it is found out who does not answer: as the file says, else by connecting."""
    if probe is None:
        return "", "check inter 1s fall 2 rise 1"
    every = f"check inter {_milliseconds(probe.interval_ns)} fall {max(1, probe.retries)} rise 1 port {probe.port}"
    if probe.http is None:
        return "", every
    statuses = ",".join(f"{first}-{last}" if first != last else str(first) for first, last in probe.http.statuses)
    lines = (
        "    option httpchk\n"
        f"    http-check send meth GET uri {_word(probe.http.path)} ver HTTP/1.1 hdr Host {_word(probe.http.host)}\n"
        f"    http-check expect status {statuses}\n"
        f"    timeout check {_milliseconds(probe.timeout_ns)}\n"
    )
    return lines, every


def _server(member: str, target: int, options: str) -> str:
    name = member[:12]  # every container answers to the short form of its id
    return f"    server {name} {name}:{target} {options} resolvers engine init-addr libc,none\n"


def _milliseconds(nanoseconds: int) -> str:
    return f"{max(1, nanoseconds // (SECOND // 1000))}ms"


def _word(text: str) -> str:
    """One word of the configuration, whatever it holds."""
    return '"' + "".join(f"\\{char}" if char in '"\\$' else char for char in text) + '"'


def _written_for(rotation: Rotation) -> str:
    front = rotation.front
    facts = {
        "service": front.service,
        "ports": [[port.target, port.http] for port in front.ports],
        "probe": None if front.probe is None else _probe_facts(front.probe),
        "members": list(rotation.members),
    }
    return json.dumps(facts, separators=(",", ":"))


def _probe_facts(probe: Probe) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "interval": probe.interval_ns,
        "timeout": probe.timeout_ns,
        "retries": probe.retries,
        "start_period": probe.start_period_ns,
        "image": probe.image,
        "tcp": probe.tcp,
    }
    if probe.http is not None:
        http = probe.http
        facts["http"] = [http.port, http.path, http.host, [list(pair) for pair in http.statuses]]
    return facts


def _rotation(facts: dict[str, Any]) -> Rotation:
    ports = tuple(FrontPort(target, http) for target, http in facts["ports"])
    probe = None if facts["probe"] is None else _probe(facts["probe"])
    return Rotation(FrontEnd(service=facts["service"], ports=ports, probe=probe), tuple(facts["members"]))


def _probe(facts: dict[str, Any]) -> Probe:
    http = None
    if "http" in facts:
        port, path, host, statuses = facts["http"]
        http = HttpProbe(port=port, path=path, host=host, statuses=tuple((a, b) for a, b in statuses))
    return Probe(
        http=http,
        tcp=facts["tcp"],
        interval_ns=facts["interval"],
        timeout_ns=facts["timeout"],
        retries=facts["retries"],
        start_period_ns=facts["start_period"],
        image=facts["image"],
    )
