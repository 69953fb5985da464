"""Run as a process of its own: read a spec that strangers wrote, and answer with its model, or with what is wrong with it.

The request comes as JSON on standard input, the answer goes as JSON to standard output. Before a byte of the spec is read the
process gives up whatever it does not need for that (``sandbox``). The folder comes as a descriptor, so that what it lies in need
not be reachable. The stack is built once as well, without the contents of its files: what would be too much there is too much
here first.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import sys

from orchestrator.beneath import Beneath
from orchestrator.errors import StackError
from orchestrator.gitops import sandbox
from orchestrator.records import replace
from orchestrator.resources import schema_path
from orchestrator.spec import transfer
from orchestrator.spec.limits import DEFAULTS
from orchestrator.spec.load import load_canonical, stack_of
from orchestrator.spec.parse import parse
from orchestrator.spec.reading import Files

_LIBRARIES = (
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/nix",
    "/gnu",
    "/etc/ld.so.cache",
)
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_AROUND = os.path.dirname(_PACKAGE)
_READER = "yaml"  # the library that specs are read with


def main(descriptor: int, parent: int) -> None:
    """Answer the request on standard input. ``descriptor`` is of the folder, ``parent`` the process that asks."""
    request = json.load(sys.stdin.buffer)
    confine(request, parent)
    sys.stdout.buffer.write(json.dumps(answer(request, descriptor)).encode("ascii"))
    sys.stdout.buffer.flush()


def confine(request: transfer.Json, parent: int) -> None:
    """The code that is still to be imported stays readable, and the folder."""
    schema = schema_path("stack")
    found = importlib.util.find_spec(_READER)
    reader = os.path.abspath(found.origin) if found is not None and found.origin else ""
    libraries = os.path.dirname(os.path.dirname(reader))
    code = [
        # what lies around the package is the libraries where it was installed, and a whole checkout where it was not
        *(path for path in sys.path if path != _AROUND or path == libraries),
        _PACKAGE,
        os.path.dirname(schema),
        *_LIBRARIES,
    ]
    needed = [os.__file__, os.path.abspath(__file__), reader, schema, *request["needed"]]
    sandbox.enter([*code, request["folder"]], needed, request["limits"], parent)


def hosts_named(paths: list[str], disk: Files) -> list[str]:
    """The hosts that specs are for, as they are written under ``x-stack``."""
    named: list[str] = []
    for path in paths:
        for one in parse(disk.stored(path, DEFAULTS.file_bytes + 1), path, DEFAULTS):
            own = one.root.get("x-stack") if isinstance(one.root, dict) else None
            hosts = own.get("hosts") if isinstance(own, dict) else None
            listed = [hosts] if isinstance(hosts, str) else hosts
            named += [host for host in listed if isinstance(host, str)] if isinstance(listed, list) else []
    return list(dict.fromkeys(named))


def answer(request: transfer.Json, descriptor: int) -> transfer.Json:
    contents, plain = (
        {path: base64.b64decode(text) for path, text in request[name].items()} for name in ("contents", "plain")
    )
    disk = Files(contents, (Beneath(request["folder"], descriptor),), plain)
    try:
        if "hosts" in request:
            return {"hosts": hosts_named(request["hosts"], disk)}
        canonical = load_canonical(replace(transfer.request_of(request["request"]), disk=disk))
        stack_of(canonical, read_contents=False, disk=disk)
    except StackError as problem:
        return {"error": transfer.packed_error(problem)}
    except MemoryError:
        return {"failed": "memory"}
    except RecursionError:
        return {"failed": "depth"}
    return transfer.packed(canonical)
