"""`stack config`: the files as they are understood, or one list out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator.cli import loading, output
from orchestrator.cli.declare import arguments, flag, many, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.records import dataclass
from orchestrator.spec import listing, render
from orchestrator.spec.load import Canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services_named: tuple[str, ...] = arguments("[SERVICE]...", "Only these services and what they depend on.")
    environment: bool = flag("--environment", help="The variables that the files are filled in from.")
    format: str = text("--format", metavar="HOW", help="yaml or json.")
    filter: tuple[str, ...] = many(
        "--filter", metavar="KEY=VALUE", help="With --services: those of a profile=NAME or with a label=NAME[=VALUE]."
    )
    hash: str = text("--hash", metavar="SERVICE,...", help="The fingerprints of these services, * for all.")
    images: bool = flag("--images", help="The images.")
    lock_image_digests: bool = flag(
        "--lock-image-digests", help="A file to merge that pins each image to what its registry has now."
    )
    models: bool = flag("--models", help="The models.")
    networks: bool = flag("--networks", help="The networks.")
    no_consistency: bool = flag("--no-consistency", help="Do not check whether fields go together.")
    no_env_resolution: bool = flag("--no-env-resolution", help="Leave env files as they are.")
    no_interpolate: bool = flag("--no-interpolate", help="Leave variables as they are.")
    no_normalize: bool = flag("--no-normalize", help="Leave out what follows from the rest.")
    no_path_resolution: bool = flag("--no-path-resolution", help="Leave relative paths as they are.")
    output: str = text("-o", "--output", metavar="FILE", help="Write to a file.")
    profiles: bool = flag("--profiles", help="The profiles.")
    quiet: bool = flag("-q", "--quiet", help="Only check the files.")
    resolve_image_digests: bool = flag(
        "--resolve-image-digests", help="Pin each image to what its registry has now; asks through the engine."
    )
    services: bool = flag("--services", help="The services.")
    variables: bool = flag("--variables", help="The variables that the files read.")
    volumes: bool = flag("--volumes", help="The volumes.")


def run(context: Context, options: Options) -> int:
    text = _text(context, options)
    if not options.quiet:
        output.write(context, options.output, text)
    return 0


def _text(context: Context, options: Options) -> str:
    """Of several lists asked for, the first in Compose's order."""
    if options.filter and not options.services:
        raise UsageError("--filter requires --services", hint="add --services")
    for asked, make in _LISTS:
        if getattr(options, asked):
            return make(context, options)
    return _model(context, options)


def _model(context: Context, options: Options) -> str:
    if options.format not in ("", "yaml", "json"):
        raise UsageError(f"unsupported format {options.format!r}", hint="write yaml or json")
    canonical = _load(context, options, options.services_named)
    if options.resolve_image_digests or options.lock_image_digests:
        listing.pin_images(canonical, _pinned(context, listing.images_named(canonical)))
    if options.lock_image_digests:
        canonical = listing.images_only(canonical)
    return _ended(render.to_json(canonical) if options.format == "json" else render.to_yaml(canonical))


def _load(
    context: Context,
    options: Options,
    services: tuple[str, ...] = (),
    *,
    raw: bool = False,
    profiles: tuple[str, ...] = (),
) -> Canonical:
    """The model, and what there is to tell about it; ``raw``: as the files say, variables not filled in."""
    raw = raw or options.no_interpolate
    if raw and options.services_named:
        why = "--variables" if options.variables else "--no-interpolate"
        context.say(f"warning: service filtering is not applied when {why} is set")
    return loading.canonical(
        context,
        loading.request(
            context,
            () if raw else services,
            interpolate=not raw,
            normalize=not (options.no_normalize or context.shared.compatibility),
            resolve_paths=not options.no_path_resolution,
            resolve_env=not options.no_env_resolution,
            consistency=not options.no_consistency,
            **({"profiles": (*context.shared.profiles, *profiles)} if profiles else {}),
        ),
    )


def _pinned(context: Context, images: Iterable[str]) -> dict[str, str]:
    from concurrent.futures import ThreadPoolExecutor

    wanted, operations = sorted(set(images)), context.engine.operations
    with ThreadPoolExecutor(min(context.workers, len(wanted) or 1)) as pool:
        return dict(zip(wanted, pool.map(operations.pinned, wanted), strict=True))


# Lists


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _services(context: Context, options: Options) -> str:
    wanted = _criteria(options.filter)
    canonical = _load(context, options, profiles=tuple(value for key, value in wanted if key == "profile"))
    return _lines(listing.services(canonical, wanted))


def _criteria(filters: tuple[str, ...]) -> list[tuple[str, str]]:
    """What services are to be like, as pairs of what is looked at and its value."""
    criteria = []
    for each in filters:
        key, equals, value = each.partition("=")
        if key not in ("profile", "label"):
            raise UsageError(f'unknown criteria "{key}"', hint="write profile=NAME or label=NAME[=VALUE]")
        if not equals or not value:
            raise UsageError(f"--filter {each} names no {key}", hint=f"write {key}=NAME")
        if key == "profile" and value == "*":
            raise UsageError("profiles must be selected explicitly", hint="name a profile instead of *")
        criteria.append((key, value))
    return criteria


def _section(section: str) -> Callable[[Context, Options], str]:
    def listed(context: Context, options: Options) -> str:
        return _lines(listing.names(listing.reduced(_load(context, options)), section))

    return listed


def _models(context: Context, options: Options) -> str:
    return _lines(listing.models(listing.reduced(_load(context, options))))


def _profiles(context: Context, options: Options) -> str:
    return _lines(listing.profiles(_load(context, options, options.services_named)))


def _images(context: Context, options: Options) -> str:
    return _lines(listing.images(listing.reduced(_load(context, options, options.services_named))))


def _environment(context: Context, options: Options) -> str:
    return _lines(listing.environment(_load(context, options)))


def _variables(context: Context, options: Options) -> str:
    found = listing.variables(_load(context, options, raw=True))
    if options.format == "yaml":
        from orchestrator.spec import yamltext

        said = {name: {key.lower(): item for key, item in about.items()} for name, about in found.items()}
        return yamltext.dump(said, keep_order=True)
    if options.format == "json":
        import json

        return json.dumps(found, indent=4, ensure_ascii=False) + "\n"
    if options.format not in ("", "table", "pretty"):
        raise UsageError(f"unsupported format {options.format!r}", hint="write table, yaml or json")
    from orchestrator.cli.render.table import table

    headings = ("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE")
    rows = [
        (name, str(said["Required"]).lower(), str(said["DefaultValue"]), str(said["PresenceValue"]))
        for name, said in found.items()
    ]
    return table(headings, rows, narrowest=20)


def _hashes(context: Context, options: Options) -> str:
    from orchestrator.cli import desired, wishes
    from orchestrator.model import fingerprint

    stack = desired.load(context, consistency=not options.no_consistency)
    wanted = sorted(stack.services if options.hash == "*" else options.hash.split(","))
    services = [stack.services[wishes.known(stack, name)] for name in wanted]
    return _lines(f"{service.name} {fingerprint.of(service, stack)}" for service in services)


_LISTS: tuple[tuple[str, Callable[[Context, Options], str]], ...] = (
    ("services", _services),
    ("volumes", _section("volumes")),
    ("networks", _section("networks")),
    ("models", _models),
    ("hash", _hashes),
    ("profiles", _profiles),
    ("images", _images),
    ("variables", _variables),
    ("environment", _environment),
)


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
