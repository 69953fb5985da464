"""`stack daemon install`: a hardened systemd unit for this host, enabled and started, with a host file and a first token."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

from orchestrator.api.tokens import Tokens
from orchestrator.cli import state
from orchestrator.cli.declare import flag, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import StackError, UsageError
from orchestrator.records import dataclass

BOOTED = "/run/systemd/system"  # is there where systemd is in charge, and nowhere else
UNIT = "/etc/systemd/system/stack.service"
CONFIG = "/etc/stack/host.yml"
_HOST = """\
# The stacks of this host; `stack daemon run` keeps them. Paths are relative to this file.
stacks: {}
#  shop: /srv/shop/app.yml
#  wiki: {path: /srv/wiki, mode: report}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    config: str = text("--config", metavar="FILE", default=CONFIG, help="The host file; made when it is missing.")
    listen: str = text("--listen", metavar="HOST:PORT", help="Serve the API and the page over TCP, too.")
    show: bool = flag("--print", help="Only print the unit.")
    root: str = text("--root", metavar="DIR", help="Write below this folder, and start nothing.")


def run(context: Context, options: Options) -> int:
    made = unit(_program(), os.path.abspath(options.config), options.listen)
    if options.show:
        context.show(made)
        return 0
    if not options.root and (os.geteuid() != 0 or not os.path.isdir(BOOTED)):
        raise UsageError(
            "a systemd unit is installed by root, on a machine that systemd runs",
            hint="`stack daemon install --print` shows it; without systemd have `stack daemon run` started by what you use",
        )
    _write(context, options.root + options.config, _HOST, keep=True)
    _write(context, options.root + UNIT, made)
    _first_token(context, options)
    if not options.root:
        for words in (("daemon-reload",), ("enable", "--now", "stack.service")):
            _systemctl(*words)
        context.say("the daemon runs; `stack daemon status` shows what it keeps")
    return 0


def unit(program: str, config: str, listen: str) -> str:
    """The unit: the daemon may talk to the engine and write its own state, and little else."""
    more = f" --listen {listen}" if listen else ""
    return f"""\
[Unit]
Description=Keeps this host's stacks as their files say
After=docker.service network-online.target
Wants=network-online.target

[Service]
Type=exec
ExecStart={program} daemon run --config {config} --log json{more}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
# What it keeps runs in the engine, not below it: nothing but itself ends with it.
KillMode=mixed
TimeoutStopSec=20
UMask=0077
StateDirectory=stack
StateDirectoryMode=0700
RuntimeDirectory=stack
RuntimeDirectoryMode=0755
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/run/lock
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_KILL CAP_SYS_PTRACE

[Install]
WantedBy=multi-user.target
"""


def _program() -> str:
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.executable)), "stack")
    return beside if os.path.exists(beside) else shutil.which("stack") or f"{sys.executable} -m orchestrator"


def _write(context: Context, path: str, content: str, *, keep: bool = False) -> None:
    if keep and os.path.exists(path):
        context.say(f"{path} is there already and stays as it is")
        return
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as problem:
        raise StackError(f"cannot write {path}: {problem.strerror}", reference="cannot-install") from problem
    context.say(f"wrote {path}")


def _first_token(context: Context, options: Options) -> None:
    """Shown once, so that there is never a time in which anybody could come in without one."""
    tokens = Tokens(options.root + state.directory(context.environment))
    if options.listen and not tokens.all():
        context.say("the first token, which may do everything; this is the only time it is shown:")
        context.show(tokens.create("first", ["admin"], now=time.time()) + "\n")


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(
            f"`systemctl {' '.join(words)}` failed: {done.stderr.strip()}",
            reference="cannot-install",
            hint="`journalctl -u stack` may say why",
        )
