"""The platform that `DOCKER_DEFAULT_PLATFORM` gives to services that name none, and what their builds are for then. Pure."""

from __future__ import annotations

from orchestrator.errors import StackError
from orchestrator.model.stack import Service, Stack
from orchestrator.records import replace

VARIABLE = "DOCKER_DEFAULT_PLATFORM"


def settled(stack: Stack, default: str) -> Stack:
    """The stack in which every build knows its platforms. Raises StackError for one that is not for the default."""
    return stack.with_services(_settled(service, default) for service in stack.services.values() if service.build)


def _settled(service: Service, default: str) -> Service:
    build, own = service.build, service.container.platform
    wanted = own or default
    if build is None or not wanted:
        return service
    if build.platforms and wanted not in build.platforms:
        raise StackError(
            f'service "{service.name}" build.platforms does not support value set by {VARIABLE}: {wanted}',
            hint=f"add {wanted} to `build.platforms`, or unset {VARIABLE}",
            reference="platform-not-built",
        )
    return replace(
        service,
        build=replace(build, platforms=build.platforms or (wanted,)),
        container=replace(service.container, platform=wanted),
    )
