"""An earlier revision as a desired state: which one is meant, and its stack with the very images that it ran.

A history and what the engine has go in, a stack goes out that ``reconcile`` brings about like any other. Nothing is built
and no tag is asked for anew: an image is taken by its id where the engine has it, else pulled by the digest under which a
registry knew it. If neither is to be had, the rollback is refused before anything is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from orchestrator.controller import revision as revisions
from orchestrator.controller.history import Document, History, Image, Revision, RunOutcome
from orchestrator.controller.revision import Present, Restored, RevisionUnusable
from orchestrator.engines.base import Engine
from orchestrator.errors import SpecError
from orchestrator.model.observed import ObservedContainer, ObservedImage, Scope
from orchestrator.model.stack import PullPolicy, Service, Stack
from orchestrator.records import replace
from orchestrator.secrets.opening import Opening
from orchestrator.spec.load import Canonical


def before(history: History) -> Revision:
    """What served before that which serves now. After a rollback it is what came before its target: one further back."""
    applied = history.applied()
    if not applied:
        raise RevisionUnusable("nothing was applied yet: there is nothing to go back to", reference="no-such-revision")
    serving = applied[0]
    since = serving.returns_to or serving.number
    for revision in applied[1:]:
        if revision.number < since and not revision.is_empty and not same(revision, serving):
            return revision
    raise RevisionUnusable(
        f"revision {serving.number} serves, and there is none before it to go back to",
        hint="`stack history` lists those there are; `stack rollback N` goes to any that was applied",
        reference="no-such-revision",
    )


def chosen(history: History, asked: Revision | None) -> tuple[Revision, int]:
    """The revision to go back to (``None``: what served before), and the number of the one that serves."""
    target, serving = asked or before(history), history.serving()
    if target.outcome is not RunOutcome.APPLIED:
        raise RevisionUnusable(
            f"revision {target.number} never served: its run {_FATE[target.outcome]}",
            hint="`stack history` lists those that were applied",
        )
    return target, serving.number if serving is not None else 0


_FATE = {
    RunOutcome.FAILED: "failed",
    RunOutcome.INTERRUPTED: "was interrupted",
    RunOutcome.BEGUN: "has not ended",
}


def origin(target: Revision) -> dict[str, str]:
    """The commit and the repository that a revision came from, where it did."""
    came_from = target.record.get("from", {})
    names = ("commit", "repository", "ref") if "repository" in came_from else ()
    return {name: came_from[name] for name in names if name in came_from}


def restored(
    target: Revision,
    *,
    key: bytes,
    environment: Mapping[str, str],
    file_now: Callable[[], Canonical | None],
    engine: Engine,
    opening: Opening | None = None,
) -> Restored:
    """The stack of the revision, its secrets filled in from where they are now: the environment, the files, the containers."""
    present = Present(environment=environment)
    if target.spec.get("masked"):
        observed = engine.observe(Scope(stack=target.spec["name"]))
        present = Present(
            environment=environment,
            canonical=file_now(),
            texts=texts(observed.containers),
            variables=variables(observed.containers),
        )
    try:
        return revisions.restored(target.spec, target.number, key, present, opening)
    except SpecError as problem:
        raise RevisionUnusable(
            f"revision {target.number} cannot be had again: {problem.message}", hint=problem.hint
        ) from problem


def holds(history: History, spec: Document) -> Revision | None:
    """The rollback that is still to be respected: since it nothing else was applied, and the file is what was gone back from.

    One that was killed in the middle is, too: whoever takes over completes it.
    """
    begun = history.cut_short()
    serving = begun if begun is not None and begun.returns_to is not None else history.serving()
    if serving is None or serving.returns_to is None:
        return None
    left = next((one for one in history.applied() if one.returns_to is None), None)
    return serving if left is not None and _wants(left.spec) == _wants(spec) else None


def is_of(revision: Revision, spec: Document) -> bool:
    """Whether the revision is of what ``spec`` describes."""
    return _wants(revision.spec) == _wants(spec)


def _wants(spec: Document) -> Document:
    """What a revision is of, whoever brought it about and from wherever it was called."""
    return {key: spec.get(key) for key in ("name", "replicas", "model", "masked", "contents")}


def is_new(history: History, services: Iterable[str], since: float) -> bool:
    """Whether what serves first served after ``since``, and differs in one of ``services`` from what served before."""
    applied = history.applied()
    if not applied or applied[0].returns_to is not None:
        return False
    serving, *earlier = applied
    first = serving
    for revision in earlier:
        if not same(revision, serving):
            break
        first = revision
    if (first.ended or first.began) < since:
        return False
    try:
        target = before(history)
    except RevisionUnusable:
        return False
    return any(_of_service(serving, name) != _of_service(target, name) for name in services)


def _of_service(revision: Revision, name: str) -> tuple[object, str]:
    image = revision.images.get(name)
    services = (revision.spec.get("model") or {}).get("services") or {}
    return services.get(name), image.id if image is not None else ""


def same(one: Revision, other: Revision) -> bool:
    """Whether two revisions had the same to run."""
    ids = ({name: image.id for name, image in revision.images.items()} for revision in (one, other))
    return one.spec == other.spec and next(ids) == next(ids)


def pinned(stack: Stack, revision: Revision, engine: Engine) -> Stack:
    """``stack`` with every image fixed to the one that ``revision`` ran, and the way of updating that rollbacks have."""
    present = _present(stack, revision, engine)
    services, missing = [], []
    for service in stack.services.values():
        image = revision.images.get(service.name)
        fixed = _fixed(service, image, present) if image is not None else _as_it_is(service)
        if fixed is None:
            missing.append(f"{service.name}: {image.reference if image else ''} ({image.id if image else ''})")
        else:
            services.append(fixed)
    if missing:
        raise RevisionUnusable(
            f"revision {revision.number} cannot be had again; these images are gone and in no registry:\n"
            + "\n".join(missing),
            hint="what serves goes on; build or load the images, or choose another revision",
            reference="image-gone",
        )
    return stack.with_services(services)


def _present(stack: Stack, revision: Revision, engine: Engine) -> Mapping[str, ObservedImage]:
    names = {
        name
        for service, image in revision.images.items()
        if service in stack.services
        for name in (stack.services[service].container.image, image.id, *image.digests)
    }
    return engine.observe(Scope(stack=stack.name, images=frozenset(names - {""}), details=False)).images


def _fixed(service: Service, image: Image, present: Mapping[str, ObservedImage]) -> Service | None:
    own = service.container.image
    if own in present and present[own].id == image.id:
        return _with_image(service, own, PullPolicy.NEVER)
    if image.id in present:
        return _with_image(service, image.id, PullPolicy.NEVER)
    if image.digests:
        return _with_image(service, _nearest(image.digests, own), PullPolicy.MISSING)
    return None if service.replicas else _as_it_is(service)


def _nearest(digests: Iterable[str], reference: str) -> str:
    """Of the names that registries have for an image the one of the repository that the file names."""
    found = tuple(digests)
    repository = reference.partition("@")[0]
    return next((one for one in found if repository.startswith(one.partition("@")[0])), found[0])


def _as_it_is(service: Service) -> Service:
    return _with_image(service, service.container.image, PullPolicy.MISSING)


def _with_image(service: Service, reference: str, pull: PullPolicy) -> Service:
    return replace(
        service,
        container=replace(service.container, image=reference),
        build=None,
        pull_policy=pull,
        rollout=service.deploy.rollback or service.rollout,
    )


def variables(containers: Iterable[ObservedContainer]) -> dict[str, dict[str, str]]:
    """The variables of each service's containers."""
    found: dict[str, dict[str, str]] = {}
    for container in containers:
        if container.settings is not None:
            values = {name: value for name, value in container.settings.environment.items() if value is not None}
            found.setdefault(container.service, {}).update(values)
    return found


def texts(containers: Iterable[ObservedContainer]) -> frozenset[str]:
    """What containers were told when they were made: among it are the secrets of variables and commands."""
    found: set[str] = set()
    for settings in (container.settings for container in containers):
        if settings is not None:
            found.update(value for value in settings.environment.values() if value)
            found.update(settings.labels.values())
            found.update((*(settings.command or ()), *(settings.entrypoint or ())))
            found.update(settings.healthcheck.test if settings.healthcheck and settings.healthcheck.test else ())
    return frozenset(found)
