"""The labels of a new container: the user's, Compose's, by which it is known, and ours, which are hints."""

from __future__ import annotations

from orchestrator.model import difference, naming
from orchestrator.model.stack import Service
from orchestrator.planner.situation import Situation


def labels(situation: Situation, service: Service, slot: int) -> dict[str, str]:
    """The user's labels, Compose's and ours."""
    stack, mark = situation.desired, situation.fingerprint(service)
    result = {
        **service.container.labels,
        naming.PROJECT: stack.name,
        naming.SERVICE: service.name,
        naming.NUMBER: str(slot),
        naming.ONEOFF: "False",
        naming.CONFIG_HASH: mark,
        naming.DEPENDS_ON: _depends_on(service),
        naming.WORKING_DIR: stack.working_dir,
        naming.CONFIG_FILES: ",".join(stack.config_files),
        naming.VERSION: naming.VERSION_VALUE,
        naming.FINGERPRINT: mark,
    }
    if service.front_end is not None:
        result[naming.FRONT] = service.front_end.service
    if stack.environment_files:
        result[naming.ENVIRONMENT_FILES] = ",".join(stack.environment_files)
    if discardable := difference.discardable(service.container):
        result[naming.ASKED] = ",".join(discardable)
    digests = [f"{grant.target}={grant.digest}" for grant in service.container.files if grant.digest]
    if digests:
        result[naming.FILES] = ",".join(sorted(digests))
    return result


def _depends_on(service: Service) -> str:
    return ",".join(
        f"{name}:{how.condition.value}:{str(how.restart).lower()}" for name, how in sorted(service.depends_on.items())
    )
