"""What can be wrong with a repository, and what to do about it: git's own words made into errors of ours."""

from __future__ import annotations

import re

from orchestrator.errors import StackError
from orchestrator.records import dataclass


class GitFailed(StackError):
    """The repository cannot be had now; what runs goes on, and it is tried again."""

    reference = "git-failed"
    retryable = True
    said: tuple[str, ...] = ()  # what git printed


class Unreachable(GitFailed):
    """The other side is not there, or does not answer as one should."""

    reference = "git-unreachable"


class CutShort(Unreachable):
    """What came was not whole; or what it should have been added to is damaged, which only a look at the mirror tells."""

    reference = "git-cut-short"


class AccessRefused(GitFailed):
    """The other side wants another token or key."""

    reference = "git-access-refused"


class HostUnknown(GitFailed):
    """The other side does not prove to be who it should be."""

    reference = "git-host-unknown"


class RepositoryRefused(GitFailed):
    """What the repository holds is more, or other, than is taken."""

    reference = "repository-refused"
    retryable = False


class TooLarge(RepositoryRefused):
    reference = "repository-too-large"


class RefMissing(GitFailed):
    """The repository has no such branch, tag, version or commit."""

    reference = "git-no-such-ref"
    exit_code = 2


class UrlRefused(StackError):
    """A URL that is not fetched from, ever."""

    reference = "git-url-refused"
    exit_code = 2


def trouble(url: str, host: str, said: list[str], most: int) -> GitFailed:
    """The error for what git printed when it failed."""
    problem = _trouble(url, host, said, most)
    problem.said = tuple(said)
    return problem


def _trouble(url: str, host: str, said: list[str], most: int) -> GitFailed:
    text = "\n".join(said)
    if re.search(r"File too large|signal 25|pack exceeds maximum|unpack limit", text):
        return TooLarge(
            f"{url} is larger than is taken ({most >> 20} MiB in one pack)",
            hint="fetch less of it (`sparse`), or keep large files elsewhere",
        )
    for known in _KNOWN:
        found = re.search(known.pattern, text)
        if found:
            words = {"url": url, "host": host, "said": re.sub(r"^(?:fatal|error|remote): ", "", found[0].strip())}
            hint = known.hint if host else known.hint_here or known.hint
            return known.kind(known.message.format(**words), hint=hint.format(**words))
    return GitFailed(f"{url}: {_reason(said)}")


def _reason(said: list[str]) -> str:
    """The line that says why, of all that git prints when it fails."""
    telling = [line for line in said if line.startswith(("fatal:", "error:", "remote:")) or "denied" in line.lower()]
    return (telling or said or ["git failed and said nothing"])[0].removeprefix("fatal: ").removeprefix("error: ")


@dataclass(frozen=True, slots=True)
class _Known:
    """Words of git's, ssh's or curl's, and what they mean. ``hint_here`` is for a repository that is a path of this host."""

    pattern: str
    kind: type[GitFailed]
    message: str
    hint: str = ""
    hint_here: str = ""


_KNOWN = (
    _Known(
        r"HOST IDENTIFICATION HAS CHANGED",
        HostUnknown,
        "{url}: the host key of {host} is another than in known_hosts",
        "somebody may sit in between; if {host} has new keys, take them from its operator into known_hosts",
    ),
    _Known(
        r"Host key verification failed|No \S+ host key is known",
        HostUnknown,
        "{url}: the host key of {host} is not in known_hosts",
        "`ssh-keyscan {host} > known_hosts`, compare it with what its operator publishes, and name the file (known_hosts)",
    ),
    _Known(
        r"[^\n]*(?:SSL certificate problem|certificate verif|server certificate|SSL: no alternative|certificate subject name)"
        r"[^\n]*",
        HostUnknown,
        "{url}: {said}",
        "name the certificates that count for {host} (ca_file), and see that this host's clock is right",
    ),
    _Known(
        r"Permissions \d+ for '[^'\n]*' are too open",
        AccessRefused,
        "{url}: ssh does not use the key, because others may read its file: {said}",
        "`chmod 600` the file that key_file names; it must belong to the user that runs this",
    ),
    _Known(
        r"Permission denied \([^)\n]*\)|Too many authentication failures",
        AccessRefused,
        "{url}: {host} says: {said}",
        "name the file with the private key that it knows (key_file)",
    ),
    _Known(
        r"Authentication failed|could not read (?:Username|Password)|error: 40[137]|HTTP Basic: Access denied",
        AccessRefused,
        "{url}: {host} does not take the token, or wants one",
        "name a file with a token that may read it (token_file), and its user where it is not `git`",
    ),
    _Known(
        r"[Rr]epository (?:'[^'\n]*' )?not found|error: 404|does not appear to be a git repository|does not exist",
        Unreachable,
        "{url} is no repository that can be read",
        "is the URL right, and may the token or key read it?",
        "is there still a repository of git at this path?",
    ),
    _Known(
        r"error: 30\d|unable to update url base from redirection",
        Unreachable,
        "{url} leads elsewhere, which is not followed",
        "write the URL that it leads to, if that is meant",
    ),
    _Known(
        r"Could not resolve host(?:name)?|Name or service not known|Temporary failure in name resolution",
        Unreachable,
        "{url}: there is no host {host}",
        "is the name right, and is DNS there?",
    ),
    _Known(
        r"[^\n]*(?:Connection (?:refused|timed out|reset)|Failed to connect|No route to host|is unreachable|error: 5\d\d)"
        r"[^\n]*",
        Unreachable,
        "{url}: {said}",
    ),
    _Known(
        r"[^\n]*(?:early EOF|unexpected disconnect|hung up|bad pack header|invalid index-pack|bad line length|RPC failed|"
        r"inflate returned|pack is corrupted|pack signature mismatch|protocol error|transfer closed|recv error|"
        r"Empty reply|unexpected eof)[^\n]*",
        CutShort,
        "{url}: what came was cut short or damaged: {said}",
    ),
)
