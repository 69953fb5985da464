"""What is added to a stack from elsewhere before anything is planned, so that plan, drift and history tell of it.

No container can gain privileges through setuid programs, and each has a bound of processes; with profile prod also one of memory.
What the file says itself stays, and is judged.
"""

from __future__ import annotations

from orchestrator.admission.security import NO_NEW_PRIVILEGES, normal
from orchestrator.model.admission import PIDS, PROD_MEMORY, Admission
from orchestrator.model.container import Container
from orchestrator.model.stack import Service, Stack
from orchestrator.model.values import Resources
from orchestrator.records import replace

CONFINED = f"{NO_NEW_PRIVILEGES}:true"


def hardened(stack: Stack, grants: Admission) -> Stack:
    """``stack`` with what is required of it. Doing it again changes nothing."""
    return stack.with_services(_service(service, grants) for service in stack.services.values())


def _service(service: Service, grants: Admission) -> Service:
    if service.provider is not None:
        return service
    settings = service.container
    options = (
        settings.security_opt
        if _says(settings) or "new-privileges" in grants.allow
        else (*settings.security_opt, CONFINED)
    )
    container = replace(settings, security_opt=options, resources=_bounded(settings.resources, grants))
    return service if container == settings else replace(service, container=container)


def _says(settings: Container) -> bool:
    return any(normal(option).partition("=")[0] == NO_NEW_PRIVILEGES for option in settings.security_opt)


def _bounded(resources: Resources, grants: Admission) -> Resources:
    pids, memory = resources.pids_limit, resources.memory
    if pids in (None, 0) and "pids" not in grants.allow:
        pids = grants.pids or PIDS
    bound = grants.memory or (PROD_MEMORY if grants.prod else 0)
    if memory in (None, 0) and bound and (resources.memory_reservation or 0) <= bound:
        memory = bound
    return replace(resources, pids_limit=pids, memory=memory)
