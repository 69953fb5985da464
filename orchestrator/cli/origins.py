"""Where a stack comes from that lies in a repository: the options of every command that fetches one, and what contradicts in them.

Only the declaration, so that a command that may fetch something costs no more than one that cannot (``delivering`` does it).
"""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.cli.declare import flag, many, text
from orchestrator.cli.wiring import Context
from orchestrator.cli.wishes import exclusive
from orchestrator.errors import UsageError
from orchestrator.records import dataclass, fields


@dataclass(frozen=True, kw_only=True)  # without slots: commands are built on it and on another
class Origin:
    """``url`` is the command's own to declare."""

    url: str = ""
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


def check(context: Context, options: Origin) -> None:
    """Raise UsageError for what contradicts itself, or means a file of this machine."""
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


def refuse(options: object, kind: type, why: str, hint: str, *, but: Collection[str] = ()) -> None:
    """Raise UsageError for the first option of ``kind`` that was given although it means nothing here."""
    for one in fields(kind):
        if one.name not in but and getattr(options, one.name) != one.default:
            raise UsageError(f"{_OPTIONS.get(one.name) or '--' + one.name.replace('_', '-')} {why}", hint=hint)


_OPTIONS = {"services": "SERVICE", "overlays": "--overlay", "variables": "--set", "url": "--git"}
