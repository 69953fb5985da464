"""What a command asks of the engine, counted at a proxy: a list of each kind at most, and then only what the answer needs.

The numbers are the cost of a command on a slow engine or a far one; a call more is to be worth it.
"""

from __future__ import annotations

import re
from collections import Counter

from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project

SPEC = """
    services:
      a: {image: "busybox:stable", command: sleep 100000, stop_signal: SIGKILL, volumes: ["data:/data"]}
      b: {image: "busybox:stable", command: sleep 100000, stop_signal: SIGKILL, depends_on: [a]}
      c: {image: "busybox:stable", command: sleep 100000, stop_signal: SIGKILL, scale: 2}
    volumes: {data: {}}
    """
CONTAINERS = 4
LISTS = {"GET /containers/json": 1, "GET /networks": 1, "GET /volumes": 1}
LOOKING = {"GET /info": 1, **LISTS}
# Lists hold no settings: each container, and each network with who is on it, is read once to be compared with the file.
COMPARING = {**LOOKING, "GET /images/X/json": 1, "GET /containers/X/json": CONTAINERS, "GET /networks/X": 1}
# What a line's stream is framed by depends on the container's terminal, which lists do not tell either.
FOLLOWING = {"GET /containers/json": 1, "GET /containers/X/json": CONTAINERS, "GET /containers/X/logs": CONTAINERS}
REMOVING = {"POST /containers/X/stop": CONTAINERS, "DELETE /containers/X": CONTAINERS, "DELETE /networks/X": 1}

ASKED = {
    "config": (["config", "-q"], {}),
    "version": (["version"], {}),
    "ps": (["ps"], {"GET /containers/json": 1}),
    "ps as json": (["ps", "-a", "--format", "json"], {"GET /containers/json": 1}),
    "ls": (["ls"], {"GET /containers/json": 1}),
    "images": (["images"], {"GET /containers/json": 1, "GET /images/X/json": 1}),
    "logs": (["logs"], FOLLOWING),
    "up with nothing to do": (["up", "-d"], COMPARING),
    "plan": (["plan"], COMPARING),
    "start with nothing to do": (["start"], LOOKING),
}


def asked(project: Project, *words: str) -> Counter[str]:
    """The answered calls by kind; ids and names are written X. An older engine refuses the first for its version."""
    found = [str(request) for request in project.run(*words).ok().requests if request.status < 400]
    named = r"^(\w+ /(?:containers|networks|volumes|images))/(?!json$|create$)[^/]+"
    return Counter(re.sub(named, r"\1/X", request) for request in found)


def test_a_command_asks_no_more_than_its_answer_needs(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    project.write(SPEC)
    project.up()

    assert {name: calls for name, (_, calls) in ASKED.items()} == {
        name: dict(asked(project, *words)) for name, (words, _) in ASKED.items()
    }
    removed = asked(project, "down")
    assert removed.items() >= REMOVING.items()
    assert {call: count for call, count in removed.items() if call in COMPARING} == COMPARING
