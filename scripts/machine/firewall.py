"""The host's firewall before an engine came, and putting it back.

An engine in the host's own network namespace adds chains and rules and turns the FORWARD policy to DROP. What was there
before is noted at start; at stop, unless another engine's chains were there first, what came since and is an engine's
goes, and the policy is what it was. Rules of anybody else stay, whenever they came.
"""

from __future__ import annotations

import re
from typing import Any

from .commands import Problem, run, succeeds

PROGRAMS = ("iptables", "ip6tables")
TABLES = ("filter", "nat")
FORWARDING = "/proc/sys/net/ipv4/ip_forward"
# Chains have DOCKER in their names; the rules beside them name the engine's bridges.
_ENGINES = re.compile(r"DOCKER|\bdocker0\b|\bbr-[0-9a-f]{12}\b")


def remember() -> dict[str, Any]:
    """What an engine is about to change."""
    with open(FORWARDING, encoding="ascii") as forwarding:
        return {
            "rules": {program: {table: _rules(program, table) for table in TABLES} for program in PROGRAMS},
            "ip_forward": forwarding.read().strip(),
            "had_docker0": succeeds(["ip", "link", "show", "docker0"]),
        }


def restore(before: dict[str, Any]) -> None:
    """Take the engine's chains, rules, bridge and policies away, unless another engine had them first."""
    rules = before["rules"]
    if any("DOCKER" in rule for table in TABLES for rule in rules["iptables"][table]):
        return
    if not before["had_docker0"]:
        succeeds(["ip", "link", "delete", "docker0"])
    for program in PROGRAMS:
        for table in TABLES:
            _take_away(program, table, rules[program][table])
    if before["ip_forward"] == "0":
        with open(FORWARDING, "w", encoding="ascii") as forwarding:
            forwarding.write("0\n")


def _take_away(program: str, table: str, before: list[str]) -> None:
    """Rules first, then the chains' content, then the empty chains, then the policies."""
    came = [rule for rule in _rules(program, table) if rule not in before]
    for rule in came:
        if rule.startswith("-A ") and _ENGINES.search(rule):
            succeeds([program, "-w", "-t", table, "-D", *rule.split()[1:]])
    chains = [rule.split()[1] for rule in came if rule.startswith("-N DOCKER")]
    for word in ("-F", "-X"):
        for chain in chains:
            succeeds([program, "-w", "-t", table, word, chain])
    for rule in before:
        if rule.startswith("-P FORWARD "):
            succeeds([program, "-w", "-t", table, *rule.split()])


def _rules(program: str, table: str) -> list[str]:
    try:
        return run([program, "-w", "-t", table, "-S"]).splitlines()
    except Problem:
        return []
