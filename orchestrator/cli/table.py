"""Every command in one table: its name, the module that carries it out, and one line about it.

``stack --help`` prints it and ``main`` looks names up in it; a command's module is imported only when it is the one
asked for. A new command is a row here and a file in ``commands/``. The name of a command in a group has two words
(``image ls``); ``GROUPS`` says what the group is about.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    module: str
    summary: str
    hidden: bool = False


ROWS = (
    Row("up", "up", "Bring the stack to what the file says"),
    Row("plan", "plan", "Show what `up` would change, and why"),
    Row("apply", "apply", "Carry out a plan, exactly as shown"),
    Row("deploy", "deploy", "Bring a stack out of a git repository about"),
    Row("down", "down", "Stop and remove the stack's containers and networks"),
    Row("ps", "ps", "List the stack's containers"),
    Row("history", "history", "Show what was applied when, by whom, and with what outcome"),
    Row("rollback", "rollback", "Go back to an earlier revision, with its images"),
    Row("ls", "ls", "List running stacks"),
    Row("logs", "logs", "Show what containers print"),
    Row("exec", "exec", "Run a command in a running container"),
    Row("run", "run", "Run a command in a container of its own"),
    Row("attach", "attach", "Be at a running container's own process"),
    Row("cp", "cp", "Copy files between here and containers"),
    Row("wait", "wait", "Wait until containers have ended"),
    Row("events", "events", "Show what happens to the stack's containers"),
    Row("stats", "stats", "Show what containers use of the machine"),
    Row("export", "export", "Write a container's file system into an archive"),
    Row("commit", "commit", "Make an image of a container"),
    Row("config", "config", "Show the stack as it is understood"),
    Row("convert", "config", "The older name of `config`", hidden=True),
    Row("lint", "lint", "List what Compose would pass over in the file"),
    Row("explain", "explain", "Say what a key of the file means"),
    Row("schema", "schema", "Show the JSON Schema of the file"),
    Row("graph", "graph", "Show who depends on whom"),
    Row("create", "create", "Create containers without starting them"),
    Row("start", "start", "Start stopped containers"),
    Row("stop", "stop", "Stop containers without removing them"),
    Row("restart", "restart", "Restart containers"),
    Row("scale", "scale", "Change how many containers services have"),
    Row("watch", "watch", "Bring changed files into running services"),
    Row("build", "build", "Build images"),
    Row("pull", "pull", "Pull images"),
    Row("push", "push", "Push images that are built here"),
    Row("rm", "rm", "Remove stopped containers"),
    Row("kill", "kill", "Send a signal to running containers"),
    Row("pause", "pause", "Freeze containers"),
    Row("unpause", "unpause", "Let frozen containers go on"),
    Row("images", "images", "List the images that containers were made from"),
    Row("port", "port", "Show where a container's port is published"),
    Row("top", "top", "Show the processes in containers"),
    Row("doctor", "doctor", "Check that engine and host are fit for the stack"),
    Row("adopt", "adopt", "Write the file of what runs without one"),
    Row("inspect", "inspect", "Show all that the engine knows of a service's containers"),
    Row("diff", "diff", "Show files that changed in containers since their image"),
    Row("du", "du", "Show what the stack takes of the disk"),
    Row("info", "info", "Show what the engine is and how it is reached"),
    Row("prune", "prune", "Remove what nobody uses of the stack"),
    Row("save", "save", "Pack the whole stack, spec and images, into one archive"),
    Row("load", "load", "Take a whole stack out of an archive"),
    Row("login", "login", "Log in to a registry"),
    Row("logout", "logout", "Log out of a registry"),
    Row("image ls", "image_ls", "List the images of the stack's services"),
    Row("image inspect", "image_inspect", "Show all that the engine knows of services' images"),
    Row("image history", "image_history", "Show the layers of services' images"),
    Row("image tag", "image_tag", "Give a service's image another name"),
    Row("image save", "image_save", "Write services' images into an archive"),
    Row("image load", "image_load", "Take images in from an archive"),
    Row("image import", "image_import", "Make a service's image from a file system"),
    Row("image rm", "image_rm", "Remove services' images"),
    Row("image prune", "image_prune", "Remove images built for the stack that nothing names any more"),
    Row("image search", "image_search", "Search the public registry"),
    Row("daemon run", "daemon_run", "Keep every stack of this host as its file says"),
    Row("daemon install", "daemon_install", "Install the daemon as a service of this host"),
    Row("daemon reload", "daemon_reload", "Have the daemon read its host file again"),
    Row("daemon stop", "daemon_stop", "End the daemon; what it keeps goes on running"),
    Row("daemon status", "daemon_status", "Show how the daemon's stacks fare"),
    Row("daemon sync", "daemon_sync", "Have the daemon look at a stack again now"),
    Row("daemon apply", "daemon_apply", "Have the daemon bring a stack about now"),
    Row("daemon suspend", "daemon_suspend", "Have the daemon leave a stack alone"),
    Row("daemon resume", "daemon_resume", "Have the daemon keep a stack again"),
    Row("daemon token", "daemon_token", "Make and revoke tokens for the daemon's API"),
    Row("sources", "sources", "Show, fetch, suspend and resume the repositories that the daemon follows"),
    Row("approve", "approve", "Agree to the new version of a stack that waits in the daemon"),
    Row("policy explain", "policy_explain", "Show what stacks from repositories may not ask of this host"),
    Row("publish", "publish", "Put the stack's files into a registry"),
    Row("alpha publish", "publish", "Put the stack's files into a registry"),
    Row("bridge convert", "bridge_convert", "Convert the stack to Kubernetes manifests, or what an image makes of it"),
    Row("bridge transformations list", "bridge_list", "List transformation images on this engine"),
    Row("bridge transformations ls", "bridge_list", "List transformation images on this engine", hidden=True),
    Row("bridge transformations create", "bridge_create", "Begin a transformation image of your own"),
    Row("alpha generate", "alpha_generate", "Write a file of running containers, whoever made them"),
    Row("volumes", "volumes", "List the stack's volumes"),
    Row("alpha viz", "alpha_viz", "Show the services as a Graphviz picture"),
    Row("completion", "completion", "Print what makes a shell complete this program's words"),
    Row("version", "version", "Show the version"),
)


GROUPS = {
    "alpha": "Commands that Compose calls experimental",
    "bridge": "Take the stack to another platform",
    "daemon": "Keep a host as its files say",
    "policy": "What stacks from repositories may ask of this host",
    "image": "Work with the images of the stack's services",
}


def find(name: str) -> Row | None:
    """The row of a command."""
    return next((row for row in ROWS if row.name == name), None)


def split(words: Sequence[str]) -> tuple[Row | None, list[str]]:
    """The row that the first words name (two or three for a command of a group), and the words behind them."""
    if words[0] not in GROUPS:
        return find(words[0]), list(words[1:])
    for count in (3, 2):
        row = find(" ".join(words[:count]))
        if row is not None:
            return row, list(words[count:])
    return None, []


def of_group(group: str) -> list[Row]:
    """The commands of a group."""
    return [row for row in ROWS if row.name.startswith(group + " ") and not row.hidden]
