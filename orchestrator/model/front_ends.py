"""A service that asks for a front end becomes two: its replicas, and one container that stands before them.

The front end takes over what the outside knows the service by: its published ports, its name, aliases and addresses on the
networks. The replicas publish nothing and answer to ``tasks.NAME``. Whoever depends on the service depends on both.
Pure; applied once, when the file has become a ``Stack``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from orchestrator.model.container import Container
from orchestrator.model.front import CONFIG, FrontEnd, FrontPort
from orchestrator.model.rollout import Rollout
from orchestrator.model.stack import Dependency, Service, Stack
from orchestrator.model.values import SECOND, Attachment, Healthcheck, Port, RestartPolicy
from orchestrator.records import replace

SUFFIX = "-front"
_HTTP = ("http", "ws")


def name_of(service: str) -> str:
    """What the front end of a service is called."""
    return service + SUFFIX


def with_front_ends(stack: Stack) -> Stack:
    """``stack`` with a front end for every service that asks for one."""
    asking = {name for name, service in stack.services.items() if _asks(service)}
    if not asking:
        return stack
    services: dict[str, Service] = {}
    for name, service in stack.services.items():
        known = _towards_front_ends(service, asking)
        if name in asking:
            services[name] = _behind(known)
            services[name_of(name)] = _front_end(known)
        else:
            services[name] = known
    return replace(stack, services=services)


def _asks(service: Service) -> bool:
    return service.deploy.endpoint_mode == "vip" and not service.front and service.provider is None


def _towards_front_ends(service: Service, asking: Collection[str]) -> Service:
    """Who depends on a service that has a front end, or is linked to it, means both."""
    more = {
        name_of(name): Dependency(required=how.required, implicit=True)
        for name, how in service.depends_on.items()
        if name in asking
    }
    links = tuple(_link(link, asking) for link in service.container.links)
    if not more and links == service.container.links:
        return service
    container = replace(service.container, links=links)
    return replace(service, depends_on={**service.depends_on, **more}, container=container)


def _link(link: str, asking: Collection[str]) -> str:
    service, _, alias = link.partition(":")
    return f"{name_of(service)}:{alias or service}" if service in asking else link


def _behind(service: Service) -> Service:
    """The replicas: nothing of them is published, and the name is not theirs."""
    settings = service.container
    kept = tuple(port for port in settings.ports if port.mode == "host")
    exposed = (f"{port.target}/{port.protocol or 'tcp'}" for port in settings.ports if port.mode != "host")
    container = replace(
        settings,
        ports=kept,
        expose=tuple(dict.fromkeys((*settings.expose, *exposed))),
        networks={key: _as_replica(service.name, how) for key, how in settings.networks.items()},
    )
    return replace(service, container=container, front=name_of(service.name))


def _as_replica(name: str, how: Attachment) -> Attachment:
    """Addresses that the file gives are the service's, so they go with its name."""
    return Attachment(
        aliases=(f"tasks.{name}",),
        driver_opts=how.driver_opts,
        interface_name=how.interface_name,
        priority=how.priority,
        gw_priority=how.gw_priority,
        named=False,
    )


def _front_end(service: Service) -> Service:
    settings = service.container
    container = Container(
        image=service.front_image,
        entrypoint=("haproxy", "-W", "-db", "-f", CONFIG),
        ports=tuple(replace(port, app_protocol="") for port in settings.ports if port.mode != "host"),
        networks={key: _as_front(service.name, how) for key, how in settings.networks.items()},
        stop_signal="SIGUSR1",
        stop_grace_period_ns=settings.stop_grace_period_ns,
        healthcheck=Healthcheck(("NONE",)),
        restart=RestartPolicy("unless-stopped"),
        logging=settings.logging,
    )
    return Service(
        name=name_of(service.name),
        container=container,
        replicas=1 if service.replicas else 0,
        depends_on={service.name: Dependency(implicit=True)},
        profiles=service.profiles,
        attach=False,
        rollout=Rollout(monitor_ns=SECOND),
        front_end=FrontEnd(service=service.name, ports=_ports(service), probe=service.probe),
    )


def _as_front(name: str, how: Attachment) -> Attachment:
    return replace(how, aliases=tuple(dict.fromkeys((name, *how.aliases))), mac_address="")


def _ports(service: Service) -> tuple[FrontPort, ...]:
    """Published ports by their targets, and exposed ones."""
    http = service.probe.http.port if service.probe is not None and service.probe.http is not None else 0
    found: dict[int, FrontPort] = {}
    for port in service.container.ports:
        if port.mode != "host":
            found[port.target] = FrontPort(port.target, _is_http(port) or port.target == http)
    for entry in service.container.expose:
        for target in _exposed(entry):
            found.setdefault(target, FrontPort(target, target == http))
    return tuple(found[target] for target in sorted(found))


def _is_http(port: Port) -> bool:
    return port.app_protocol.lower() in _HTTP


def _exposed(entry: str) -> Iterable[int]:
    """``8080``, ``8080/tcp``, ``3000-3005``; what is not TCP cannot go through."""
    numbers, _, protocol = str(entry).partition("/")
    if protocol not in ("", "tcp"):
        return ()
    first, _, last = numbers.partition("-")
    return range(int(first), int(last or first) + 1)
