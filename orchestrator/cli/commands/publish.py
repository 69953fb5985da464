"""`stack publish`: put the stack's files into a registry, from where `-f oci://...` loads them."""

from __future__ import annotations

from orchestrator.cli import ordering, publishing
from orchestrator.cli.declare import argument, flag, text
from orchestrator.cli.publishing import Wish
from orchestrator.cli.wiring import Context
from orchestrator.planner import image_orders
from orchestrator.records import dataclass
from orchestrator.spec.defaults import services_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    repository: str = argument("REPOSITORY[:TAG]", "Where to put it.")
    app: bool = flag("--app", help="Copy the services' images there too.")
    insecure_registry: bool = flag(
        "--insecure-registry", hidden=True, help="Speak to the repository's registry without TLS."
    )
    oci_version: str = text(
        "--oci-version",
        metavar="VERSION",
        choices=("", "1.0", "1.1"),
        help="1.0 or 1.1 (default: what the registry takes).",
    )
    resolve_image_digests: bool = flag("--resolve-image-digests", help="Fix what the tags of images mean today.")
    with_env: bool = flag("--with-env", help="Put env files in too.")
    yes: bool = flag("-y", "--yes", help="Do not ask.")


def run(context: Context, options: Options) -> int:
    wish = Wish(
        repository=options.repository,
        with_env=options.with_env,
        resolve_digests=options.resolve_image_digests or options.app,
        images=options.app,
        oci_version=options.oci_version,
        yes=options.yes,
        insecure=options.insecure_registry,
    )
    target = publishing.reference(context, wish)
    canonical = publishing.load(context)
    if not context.shared.dry_run:
        _push_images(context)
    made = publishing.layers(context, canonical, wish)
    publishing.agreed(context, canonical, made, wish)
    context.say(f" {options.repository} publishing")
    if context.shared.dry_run:
        context.show("".join(f"{layer.name}  {len(layer.content)} bytes  {layer.media}\n" for layer in made))
        context.say(f" {options.repository} published")
        return 0
    images = tuple(dict.fromkeys(str(s["image"]) for _, s in services_of(canonical.model) if s.get("image")))
    digest = publishing.push(context, target, made, images, wish)
    context.say(f" {options.repository} published")
    context.show(f"{digest}\n")
    return 0


def _push_images(context: Context) -> None:
    """What is built here has to be where others can pull it; one that is not there yet is told of."""
    stack = context.load(contents=False)
    plan = image_orders.push(stack, stack.services.values())
    if not plan.empty:
        result = ordering.run(context, plan, title=f"push {stack.name}", live=True)
        for failure in result.failures:
            context.say(f"warning: {failure.error.message}" if failure.error else "warning: an image was not pushed")
