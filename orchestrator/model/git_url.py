"""Where a repository of git is, as its URL says: ``https://``, ``ssh://`` (also as ``git@host:path``), or a path of this host."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

_PORTS = {"https": 443, "ssh": 22}
_KINDS = "https://, ssh:// or the path of a local one"


def place(url: str) -> tuple[str, str, int]:
    """Host, protocol and port of a URL; ``git@host:path`` is ssh. Port 0 where there is none that could be."""
    if "://" in url:
        try:
            parts = urlsplit(url)
            return parts.hostname or "", parts.scheme, parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            return "", url.partition(":")[0], 0
    user_host, colon, path = url.partition(":")
    host = user_host.rpartition("@")[2]
    if colon and path and "/" not in user_host and "::" not in url and not path.startswith("-"):
        return host, "ssh", _PORTS["ssh"]
    return "", "", 0


def why_refused(url: str) -> tuple[str, str]:
    """Why this is never fetched from, and a hint; ("", "") for what may be tried."""
    odd = any(ord(letter) < 32 or ord(letter) == 127 for letter in url)
    if url.startswith("-") or odd or (not os.path.isabs(url) and any(map(str.isspace, url))):
        return f"{url!r} is no URL of a repository", ""
    if os.path.isabs(url):
        return "", ""
    host, protocol, port = place(url)
    if not protocol:
        return f"there is no {url!r} here, and it is no URL", _KINDS
    if protocol not in _PORTS:
        return f"{protocol}: is not fetched from", _KINDS
    if not host or host.startswith("-") or port < 1:
        return f"{url!r} names no host", ""
    parts = urlsplit(url) if "://" in url else None
    if parts is not None and (parts.password is not None or (protocol == "https" and parts.username is not None)):
        return "credentials do not belong into a URL", "name a file with the token instead"
    if _user(url).startswith("-"):
        return f"{url!r} names no user", ""
    return "", ""


def _user(url: str) -> str:
    authority = url.partition("://")[2].partition("/")[0] if "://" in url else url.partition(":")[0]
    return authority.rpartition("@")[0]
