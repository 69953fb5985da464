"""Which ports of the host may be published."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from orchestrator.admission.judging import Judge
from orchestrator.admission.reading import Unreadable

PRIVILEGED = 1024
LAST = 65535


def look(judge: Judge, field: str, address: str, published: str, protocol: str) -> None:
    """Refuse a port below 1024 that is not granted; with profile prod, any on all addresses."""
    first, last = bounds(published)
    if last == 0 and not published.strip("0"):
        return  # one of the engine's choice: all addresses, but a port that nobody expects
    public = not _is_loopback(address)
    needs = first < PRIVILEGED or (judge.grants.prod and public)
    if needs and not any(_covers(grant, address, first, last, protocol) for grant in judge.grants.ports):
        place = f"{address or '0.0.0.0'}:{published}/{protocol}"
        why = "is below 1024" if first < PRIVILEGED else "is open to other hosts"
        judge.refuse("port", field, published, f"{place} {why}")


def bounds(text: str) -> tuple[int, int]:
    """The first and the last of ``8000-8010``. Raises Unreadable."""
    begin, _, end = text.partition("-")
    if not text:
        return 0, 0
    if not (begin.isascii() and begin.isdigit()) or (end and not (end.isascii() and end.isdigit())):
        raise Unreadable(f"{text!r} is no port")
    first, last = int(begin), int(end or begin)
    if first > last or last > LAST:
        raise Unreadable(f"{text!r} is no port")
    return first, last


def _is_loopback(address: str) -> bool:
    if not address:
        return False
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise Unreadable(f"{address!r} is no address") from None


def _covers(grant: str, address: str, first: int, last: int, protocol: str) -> bool:
    """Whether ``[ADDRESS:]PORT[-PORT][/PROTOCOL]`` covers it; without a protocol it means tcp and udp."""
    place, _, kind = grant.partition("/")
    host, _, ports = place.rpartition(":")
    if kind and kind != protocol:
        return False
    if host and not _same(host.strip("[]"), address):
        return False
    low, high = bounds(ports)
    return low <= first and last <= high


def _same(granted: str, address: str) -> bool:
    """Whether a grant for one address, or for all (0.0.0.0 and ::), covers another."""
    return granted in _everywhere() or granted == address


def _everywhere() -> Iterable[str]:
    return ("0.0.0.0", "::")
