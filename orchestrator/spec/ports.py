"""Ports as people write them: ``[ADDRESS:][HOST:]CONTAINER[/PROTOCOL]``, with ranges on either side.

``parse`` gives one ``(target, published, protocol, host_ip)`` for each container port. How many there will be is known
and bounded before the first is made.
"""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.spec.hints import quoted
from orchestrator.spec.values import BadValue

PROTOCOLS = ("tcp", "udp", "sctp")
_FORM = "write it as [ADDRESS:][HOST:]CONTAINER[/PROTOCOL], such as 8080:80 or 127.0.0.1:8000-8005:80-85/udp"


class ParsedPort(NamedTuple):
    target: int
    published: str
    protocol: str
    host_ip: str


def parse(text: str) -> list[ParsedPort]:
    """The ports of one short form, in the order in which Compose lists them (that of their text)."""
    address, host, container, protocol = _parts(text)
    first, last = _range(container, text, "the container's port", least=1)
    published = _published(host, first, last, text)
    ports = [ParsedPort(target, published(target - first), protocol, address) for target in range(first, last + 1)]
    return ports if first == last else sorted(ports, key=lambda port: str(port.target))


def count(text: str) -> int:
    """How many ports ``parse`` will give, without making them; 1 for what cannot be read."""
    if "-" not in text:
        return 1
    container = text.rpartition(":")[2].partition("/")[0]
    first, dash, last = container.partition("-")
    known = dash and all(part.isascii() and part.isdigit() and len(part) < 6 for part in (first, last))
    return max(1, int(last) - int(first) + 1) if known else 1


def check_published(text: str) -> None:
    """Refuse what is neither a port nor a range of them."""
    if text:
        _range(text, text, "the published port")


def check_address(address: str, text: str) -> None:
    """Refuse what is not an IP address."""
    from socket import AF_INET, AF_INET6, inet_pton

    try:
        inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, ValueError):
        hint = "a host's name cannot stand here; write its IP address" if address[:1].isalpha() else _FORM
        place = f" in {quoted(text)}" if text != address else ""
        raise BadValue(f"{quoted(address)}{place} is not an IP address", hint) from None


def _parts(text: str) -> tuple[str, str, str, str]:
    body, _, protocol = text.partition("/")
    rest, _, container = body.rpartition(":")
    address, _, host = rest.rpartition(":")
    if not container:
        raise BadValue(f"{quoted(text)} names no container port", _FORM)
    protocol = (protocol or "tcp").lower()
    if protocol not in PROTOCOLS:
        raise BadValue(f"{quoted(protocol)} in {quoted(text)} is not a protocol", "write tcp, udp or sctp")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    elif ":" in address:
        raise BadValue(f"{quoted(text)} has too many colons", "an IPv6 address goes in brackets: [::1]:8080:80")
    if address:
        check_address(address, text)
    return address, host, container, protocol


def _range(text: str, whole: str, what: str, least: int = 0) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    start = _port(first, whole, what, least)
    end = _port(last, whole, what, least) if dash else start
    if end < start:
        raise BadValue(f"{what} of {quoted(whole)} is a range that ends before it begins", f"write {last}-{first}")
    return start, end


def _port(text: str, whole: str, what: str, least: int) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadValue(f"{what} of {quoted(whole)} is not a number", _FORM)
    number = int(text) if len(text) < 8 else 2**24
    if not least <= number <= 65535:
        raise BadValue(f"{what} of {quoted(whole)} is out of range", f"ports go from {least} to 65535")
    return number


def _published(host: str, first: int, last: int, text: str) -> _Published:
    if not host:
        return _Published("", 0, False)
    start, end = _range(host, text, "the host's port")
    if end - start == last - first:
        return _Published("", start, True)
    if first != last:
        raise BadValue(
            f"the ranges of {quoted(text)} differ: {end - start + 1} on the host, {last - first + 1} in the container",
            "give both the same number of ports, or name a single container port",
        )
    return _Published(f"{start}-{end}", 0, False)


class _Published(NamedTuple):
    """What is published for the n-th container port: the same text for each, or one host port after the other."""

    fixed: str
    start: int
    counts: bool

    def __call__(self, offset: int) -> str:
        return str(self.start + offset) if self.counts else self.fixed
