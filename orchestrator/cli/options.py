"""The options every command understands, before and after its name."""

from __future__ import annotations

from orchestrator.cli.declare import flag, many, number, text
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Compose's global options, Docker's own for the choice of the engine, and ``--debug``."""

    files: tuple[str, ...] = many(
        "-f", "--file", metavar="FILE", help="The file to read; several are merged in order, - is standard input."
    )
    project_name: str = text("-p", "--project-name", metavar="NAME", help="The name of the stack.")
    profiles: tuple[str, ...] = many("--profile", metavar="NAME", help='Enable a profile; "*" enables all.')
    env_files: tuple[str, ...] = many(
        "--env-file", metavar="FILE", help="Read variables for the file from here instead of .env."
    )
    project_directory: str = text(
        "--project-directory", "--workdir", metavar="DIR", help="Where relative paths start (default: beside the file)."
    )
    ansi: str = text(
        "--ansi", choices=("", "auto", "never", "always"), metavar="WHEN", help="Colours and cursor movement."
    )
    no_ansi: bool = flag("--no-ansi", hidden=True, help="The same as --ansi never.")
    progress: str = text(
        "--progress",
        choices=("", "auto", "tty", "plain", "json", "quiet", "none"),
        metavar="HOW",
        help="How progress is shown: auto, tty, plain, json or quiet.",
    )
    parallel: int | None = number("--parallel", help="How many changes are made at once.")
    dry_run: bool = flag("--dry-run", help="Show the plan instead of carrying it out.")
    all_resources: bool = flag("--all-resources", help="Also make networks and volumes that no service uses.")
    compatibility: bool = flag("--compatibility", help="Separate the parts of generated names by _.")
    host: str = text("-H", "--host", metavar="ADDRESS", help="The engine to talk to, as in DOCKER_HOST.")
    context: str = text("-c", "--context", metavar="NAME", help="The Docker context to use.")
    insecure_registries: tuple[str, ...] = many(
        "--insecure-registry", metavar="HOST", hidden=True, help="Speak to this registry without TLS."
    )
    debug: bool = flag("-D", "--debug", "--verbose", help="Show tracebacks and what is asked of the engine.")
