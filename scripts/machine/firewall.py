"""The host's firewall before an engine came, and putting it back.

An engine in the host's own network namespace adds chains and turns the FORWARD policy to DROP. What was there before is
noted at start; at stop, only where no engine's chains existed before ours, the chains and the policy are put back.
"""

from __future__ import annotations

from typing import Any

from .commands import Problem, run, succeeds

TABLES = ("filter", "nat")
FORWARDING = "/proc/sys/net/ipv4/ip_forward"


def remember() -> dict[str, Any]:
    """What an engine is about to change."""
    with open(FORWARDING, encoding="ascii") as forwarding:
        return {
            "had_chains": any("DOCKER" in line for table in TABLES for line in _rules("iptables", table)),
            "forward": _policy("iptables"),
            "forward6": _policy("ip6tables"),
            "ip_forward": forwarding.read().strip(),
            "had_docker0": succeeds(["ip", "link", "show", "docker0"]),
        }


def restore(before: dict[str, Any]) -> None:
    """Take the engine's chains, its bridge and its policies away, unless another engine had them first."""
    if before.get("had_chains"):
        return
    if not before.get("had_docker0"):
        succeeds(["ip", "link", "delete", "docker0"])
    for program, policy in (("iptables", before.get("forward")), ("ip6tables", before.get("forward6"))):
        for table in TABLES:
            _drop_chains(program, table)
        if policy:
            succeeds([program, "-w", "-P", "FORWARD", policy])
    if before.get("ip_forward") == "0":
        with open(FORWARDING, "w", encoding="ascii") as forwarding:
            forwarding.write("0\n")


def _rules(program: str, table: str) -> list[str]:
    try:
        return run([program, "-w", "-t", table, "-S"]).splitlines()
    except Problem:
        return []


def _policy(program: str) -> str:
    for line in _rules(program, "filter"):
        if line.startswith("-P FORWARD "):
            return line.split()[-1]
    return ""


def _drop_chains(program: str, table: str) -> None:
    """Rules that jump to an engine's chains first, then the chains' content, then the empty chains."""
    rules = _rules(program, table)
    for rule in rules:
        if rule.startswith("-A ") and "DOCKER" in rule:
            succeeds([program, "-w", "-t", table, "-D", *rule.split()[1:]])
    chains = [rule.split()[1] for rule in rules if rule.startswith("-N DOCKER")]
    for word in ("-F", "-X"):
        for chain in chains:
            succeeds([program, "-w", "-t", table, word, chain])
