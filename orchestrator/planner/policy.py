"""What the user permits or asks, beside the file: targets, force, prune, consent to lose data, timeouts."""

from __future__ import annotations

from enum import StrEnum

from orchestrator.model.stack import PullPolicy
from orchestrator.records import dataclass


class Recreate(StrEnum):
    DIVERGED = "diverged"
    NEVER = "never"
    FORCE = "force"


class RemoveImages(StrEnum):
    NONE = "none"
    LOCAL = "local"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Input of ``plan`` beside the desired and the observed state.

    ``targets``: the services to bring to the desired state (``None``: all). With ``dependencies`` those they depend on come
    along. ``start`` False: containers are created, not started. Times are in seconds.

    ``stopped``: services that somebody stopped, so that an exit code of 0 does not mean that their work is done.
    ``start_finished``: what has ended with success is started again, as `docker compose up` does, unless the file says that
    the service is to end (a job, or others wait for it to complete). A controller leaves it finished.
    ``gone`` are services whose orphans are removed in any case, ``gone_networks`` networks that are, once nobody uses them.
    ``images_first``: as long as an image is missing, nothing but
    images is planned.
    ``prepared``: image references that were pulled or built earlier in the same reconcile, so that ``pull`` and ``build`` do
    not ask again. ``failed`` counts the slots in which a version (service, fingerprint, slot) was tried in this reconcile and
    failed: the service's rules say what follows. ``held`` are versions (service, fingerprint) that give way to what served
    before, whatever their rules say. ``lost`` are slots (service, slot) whose old container did not come back. ``ignore`` are
    patterns of ``service.field`` whose differences do not count.
    """

    targets: frozenset[str] | None = None
    dependencies: bool = True
    start: bool = True
    recreate: Recreate = Recreate.DIVERGED
    recreate_dependencies: Recreate = Recreate.DIVERGED
    renew_anonymous_volumes: bool = False
    remove_orphans: bool = False
    ignore_orphans: bool = False
    gone: frozenset[str] = frozenset()
    gone_networks: frozenset[str] = frozenset()
    images_first: bool = False
    remove_networks: bool = False
    remove_volumes: bool = False
    remove_images: RemoveImages = RemoveImages.NONE
    destroy_data: bool = False
    pull: PullPolicy | None = None
    build: bool = False
    never_build: bool = False
    wait: bool = False
    wait_timeout: float | None = None
    stop_timeout: float | None = None
    stopped: frozenset[str] = frozenset()
    start_finished: bool = False
    prepared: frozenset[str] = frozenset()
    failed: frozenset[tuple[str, str, int]] = frozenset()
    held: frozenset[tuple[str, str]] = frozenset()
    lost: frozenset[tuple[str, int]] = frozenset()
    ignore: tuple[str, ...] = ()
