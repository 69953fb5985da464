"""Images: which have to be pulled or built before anything else can be decided or created.

Each wanted service's pull policy, build section and the caller's policy come in; steps go out, one per reference. Where
a service already has containers, what a fresh image changes for them is known only once it is here: the plan then
prepares images alone, and the next pass decides.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.model import naming
from orchestrator.model.actions import BuildImage, PullImage
from orchestrator.model.observed import ObservedImage
from orchestrator.model.stack import Build, PullPolicy, Service
from orchestrator.planner import image_orders
from orchestrator.planner.draft import Draft, Id
from orchestrator.planner.situation import Situation
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True)
class Need:
    """An image to prepare, and why. ``build`` says how: built from the service's section, else pulled."""

    reference: str
    service: Service
    reason: str
    build: bool


def refreshes(situation: Situation) -> tuple[Need, ...]:
    """Images to fetch or build although they may be present, because a policy says so."""
    needs = (_refresh(situation, service) for service in situation.wanted)
    return tuple(need for need in needs if need is not None)


def missing(situation: Situation, draft: Draft, services: Iterable[Service]) -> tuple[Need, ...]:
    """Images that these services' new containers lack; an error note where one may not be fetched."""
    needs = []
    for service in services:
        if situation.image(service) is None:
            need = _fetch(situation, draft, service)
            if need is not None:
                needs.append(need)
        needs += [
            Need(hook.image, service, "a hook needs it", False)
            for hook in service.pre_start
            if hook.image and hook.image != service.container.image and hook.image not in situation.observed.images
        ]
    return tuple(needs)


def prepare(situation: Situation, draft: Draft, needs: Iterable[Need]) -> dict[str, Id]:
    """One step per reference; a build wins over a pull of the same one."""
    chosen: dict[str, Need] = {}
    users: dict[str, list[str]] = {}
    for need in needs:
        users.setdefault(need.reference, []).append(need.service.name)
        if need.reference not in chosen or (need.build and not chosen[need.reference].build):
            chosen[need.reference] = need
    steps = {reference: _step(situation, draft, need, users[reference]) for reference, need in chosen.items()}
    _order_builds(situation, draft, chosen, steps)
    return steps


def _refresh(situation: Situation, service: Service) -> Need | None:
    reference, policy = service.container.image, situation.policy
    if reference in policy.prepared:
        return None
    if _is_of_something_else(situation, service) and not policy.never_build:
        return Need(reference, service, "what it is built from has changed", True)
    wanted = service.pull_policy if policy.pull is None else policy.pull
    if service.build is not None and not policy.never_build:
        if policy.build or service.pull_policy is PullPolicy.BUILD or wanted is PullPolicy.BUILD:
            return Need(reference, service, "a build was asked for", True)
        if policy.pull is not None:
            return None  # what is built here cannot be pulled
    if wanted is PullPolicy.ALWAYS:
        return Need(reference, service, "pulled every time", False)
    if wanted is PullPolicy.EVERY and _is_old(situation, service, situation.image(service)):
        return Need(reference, service, "older than its pull policy allows", False)
    return None


def _is_of_something_else(situation: Situation, service: Service) -> bool:
    """Whether the image is there, but not of what it is to be built from, where that is known."""
    image = situation.image(service)
    if image is None or service.build is None or not service.build.version:
        return False
    if service.pull_policy in (PullPolicy.ALWAYS, PullPolicy.EVERY):
        return False  # what was built would be pulled over
    sharing = (one.build for one in situation.desired.services.values() if one.container.image == image.reference)
    return image.built not in {build.version for build in sharing if build is not None}


def _is_old(situation: Situation, service: Service, image: ObservedImage | None) -> bool:
    if image is None:
        return False  # missing: fetched for that reason where it is needed
    age = situation.observed.now_ns - _nanoseconds(image.tagged_at or image.created_at)
    return age >= service.pull_every_ns


def _nanoseconds(moment: str) -> int:
    """The engine's text for a moment as nanoseconds since 1970; 0 where there is none."""
    from datetime import UTC, datetime

    if not moment:
        return 0
    seconds, _, rest = moment.replace("Z", "+00:00").partition(".")
    zone = rest[rest.find("+") :] if "+" in rest else rest[rest.find("-") :] if "-" in rest else "+00:00"
    try:
        parsed = datetime.fromisoformat(seconds if "+" in seconds else seconds + zone)
    except ValueError:
        return 0
    return int(parsed.astimezone(UTC).timestamp()) * 1_000_000_000


def _fetch(situation: Situation, draft: Draft, service: Service) -> Need | None:
    reference, policy = service.container.image, situation.policy
    if service.build is not None and not policy.never_build:
        return Need(reference, service, "not built yet", True)
    never = (service.pull_policy if policy.pull is None else policy.pull) is PullPolicy.NEVER
    own = reference == naming.image(situation.desired.name, service.name, separator=situation.desired.separator)
    if not never and not (service.build is not None and own):
        return Need(reference, service, "not present", False)
    why = "it may not be pulled" if never else "it may not be built"
    get = f"docker pull {reference}" if never else "stack build"
    draft.error(
        f'service "{service.name}": image "{reference}" is not present and {why}; get it with `{get}`, or allow it',
        where=situation.desired.where(f"services.{service.name}.image"),
        reference="image-missing",
    )
    return None


def _step(situation: Situation, draft: Draft, need: Need, services: list[str]) -> Id:
    group = f"image {need.reference}"
    if need.build and need.service.build is not None:
        labels = {naming.PROJECT: situation.desired.name, naming.SERVICE: need.service.name}
        build = image_orders.bases_named(situation.desired, need.service.build)
        labels |= {naming.BUILT: build.version} if build.version else {}
        build = replace(build, labels={**build.labels, **labels}, platforms=_to_run(need.service, build))
        action = BuildImage(reference=need.reference, service=need.service.name, build=build)
        return draft.add(action, need.reason, group=group)
    pull = PullImage(
        reference=need.reference, platform=need.service.container.platform, services=tuple(sorted(set(services)))
    )
    return draft.add(pull, need.reason, group=group)


def _to_run(service: Service, build: Build) -> tuple[str, ...]:
    """The platform that containers will run on; of several the builder chooses its own."""
    if service.container.platform:
        return (service.container.platform,)
    return build.platforms if len(build.platforms) == 1 else ()


def _order_builds(situation: Situation, draft: Draft, chosen: dict[str, Need], steps: dict[str, Id]) -> None:
    """A build that takes another service's image as a context comes after that service's build."""
    for reference, need in chosen.items():
        if not need.build or need.service.build is None:
            continue
        for context in need.service.build.additional_contexts.values():
            base = situation.desired.services.get(context.removeprefix("service:"))
            if context.startswith("service:") and base is not None:
                draft.order(steps[reference], [steps.get(base.container.image)])
