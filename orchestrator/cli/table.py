"""Every command in one table: its name, the module that carries it out, and one line about it.

``stack --help`` prints it and ``main`` looks names up in it; a command's module is imported only when it is the one
asked for. A new command is a row here and a file in ``commands/``.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    name: str
    module: str
    summary: str
    hidden: bool = False


ROWS = (
    Row("up", "up", "Bring the stack to what the file says"),
    Row("plan", "plan", "Show what `up` would change, and why"),
    Row("apply", "apply", "Carry out a plan, exactly as shown"),
    Row("down", "down", "Stop and remove the stack's containers and networks"),
    Row("ps", "ps", "List the stack's containers"),
    Row("ls", "ls", "List running stacks"),
    Row("logs", "logs", "Show what containers print"),
    Row("exec", "exec", "Run a command in a running container"),
    Row("config", "config", "Show the stack as it is understood"),
    Row("graph", "graph", "Show who depends on whom"),
    Row("create", "create", "Create containers without starting them"),
    Row("start", "start", "Start stopped containers"),
    Row("stop", "stop", "Stop containers without removing them"),
    Row("restart", "restart", "Restart containers"),
    Row("scale", "scale", "Change how many containers services have"),
    Row("build", "build", "Build images"),
    Row("pull", "pull", "Pull images"),
    Row("rm", "rm", "Remove stopped containers"),
    Row("kill", "kill", "Send a signal to running containers"),
    Row("pause", "pause", "Freeze containers"),
    Row("unpause", "unpause", "Let frozen containers go on"),
    Row("images", "images", "List the images that containers were made from"),
    Row("port", "port", "Show where a container's port is published"),
    Row("top", "top", "Show the processes in containers"),
    Row("version", "version", "Show the version"),
)


def find(name: str) -> Row | None:
    """The row of a command."""
    return next((row for row in ROWS if row.name == name), None)
