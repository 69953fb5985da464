"""`stack daemon reload`: read the host file again; a broken one changes nothing."""

from __future__ import annotations

from orchestrator.cli import daemons
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(daemons.Reached):
    pass


def run(context: Context, options: Options) -> int:
    return daemons.order_host(context, options, "reload")
