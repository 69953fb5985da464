"""`stack deploy`: fetch a stack from a git repository, once, and bring it about as `stack up -d --wait` does."""

from __future__ import annotations

from orchestrator.cli import running, wishes
from orchestrator.cli.declare import argument, flag, many, number, text
from orchestrator.cli.wiring import Context
from orchestrator.cli.wishes import Way, exclusive
from orchestrator.errors import UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Way):
    url: str = argument("URL", "https://..., ssh://..., or the path of a repository on this host.")
    path: str = text("--path", metavar="FOLDER", help="The stack's folder in the repository.")
    ref: str = text("--ref", metavar="REF", help="A branch, a tag, a range of versions or a whole commit hash.")
    branch: str = text("--branch", metavar="NAME", help="Take the head of this branch.")
    tag: str = text("--tag", metavar="NAME", help="Take this tag.")
    semver: str = text("--semver", metavar="RANGE", help="Take the newest tag in this range of versions: ^1.2.")
    commit: str = text("--commit", metavar="HASH", help="Take this commit.")
    overlays: tuple[str, ...] = many("--overlay", metavar="FILE", help="Merge this file of the folder over its spec.")
    environment: str = text(
        "--environment",
        metavar="NAME",
        help="Take the files beside the spec that bear this name: app.NAME.yml, .env.NAME.",
    )
    as_host: str = text("--as-host", metavar="NAME", help="Take what specs say is for this host. Default: this one.")
    variables: tuple[str, ...] = many("--set", metavar="NAME=VALUE", help="A variable for the spec.")
    user: str = text("--user", metavar="NAME", default="git", help="The user that the token belongs to.")
    token_file: str = text("--token-file", metavar="FILE", help="A file with a token for https.")
    key_file: str = text("--key-file", metavar="FILE", help="A file with a private key for ssh.")
    known_hosts: str = text("--known-hosts", metavar="FILE", help="The host keys that count for ssh.")
    ca_file: str = text("--ca-file", metavar="FILE", help="Certificates that count for https.")
    verify: str = text(
        "--verify",
        metavar="WHAT",
        choices=("", "off", "commit", "tag", "tag+commit"),
        help="Demand good signatures before anything is read: commit, tag or tag+commit.",
    )
    keys: str = text("--keys", metavar="FOLDER", help="The public keys that count for --verify.")
    submodules: bool = flag("--submodules", help="Fetch submodules, too, from the repository's own host.")
    lfs: bool = flag("--lfs", help="Fetch large files (git LFS), too.")
    sparse: tuple[str, ...] = many(
        "--sparse", metavar="FOLDER", help="Fetch only the contents of --path and of this folder."
    )
    allow_rollback: bool = flag("--allow-rollback", help="Also take a head that lies before the one deployed last.")
    detach: bool = flag("-d", "--detach", help="Return when the services run, and are healthy: as it always does.")
    wait: bool = flag("--wait", help="The same; scripts may say it.")
    wait_timeout: int | None = number("--wait-timeout", metavar="SECONDS", help="How long it waits at most.")
    no_wait: bool = flag("--no-wait", help="Exit with 75 instead of waiting when another program changes the stack.")


def run(context: Context, options: Options) -> int:
    from orchestrator.cli import delivering

    _check(context, options)
    wishes.checked(options, context)
    context.engine.greet()
    with delivering.delivery(context, options) as wanted:
        policy = wishes.policy(options, context, wanted.stack, wait=True, wait_timeout=options.wait_timeout)
        running.carry_out(
            context, wanted.stack, policy, title="deploy", wait=not options.no_wait, hush=wishes.hush(options)
        )
    return 0


def _check(context: Context, options: Options) -> None:
    refs = [(f"--{name}", getattr(options, name)) for name in ("ref", "branch", "tag", "semver", "commit")]
    given = [one for one in refs if one[1]]
    if len(given) > 1:
        exclusive(*given[0], *given[1])
    if context.shared.files:
        raise UsageError(
            "-f names a file of this machine", hint="--path is the folder in the repository, --overlay a file"
        )
    if context.shared.project_directory:
        raise UsageError("--project-directory is a folder of this machine", hint="--path is the one in the repository")
    if options.sparse and not options.path:
        raise UsageError(
            "--sparse needs --path", hint="the stack's own folder is fetched with those that --sparse names"
        )
    if options.verify not in ("", "off") and not options.keys:
        raise UsageError("--verify needs --keys", hint="the folder with the public keys that count")
    if options.verify.startswith("tag") and not (options.tag or options.semver or options.ref):
        raise UsageError("a tag is verified only where one is deployed", hint="say which with --tag")
