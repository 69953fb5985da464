"""`./scripts/docs`: the reference of the commands, written anew, and what belongs to no command any more removed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from . import venv
from .commands import ROOT, Problem, say

FOLDERS = ("docs/commands", "man/man1")
PROGRAM = "import json, sys; from orchestrator.cli import reference; json.dump(reference.pages(), sys.stdout)"


def main(words: Sequence[str]) -> int:
    try:
        venv.ensure()
        stale = write(check="--check" in words)
    except Problem as problem:
        say(f"error: {problem}")
        return 1
    if "--check" in words and stale:
        say(f"error: not current: {', '.join(stale)}")
        say("  hint: run ./scripts/docs")
        return 1
    return 0


def write(*, check: bool = False) -> list[str]:
    """Write the pages; the paths of those that were not current."""
    wanted = pages()
    there = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).glob("*") if path.is_file()}
    stale = sorted(there - wanted.keys())
    for path, text in wanted.items():
        file = ROOT / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(path)
            if not check:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    if not check:
        for path in there - wanted.keys():
            (ROOT / path).unlink()
    return stale


def pages() -> dict[str, str]:
    """Asked of the package in the environment, whose Python has what the commands import."""
    import json

    done = subprocess.run(
        [venv.program("python"), "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Problem("the commands cannot be read", done.stderr.strip().splitlines()[-1] if done.stderr else "")
    found: dict[str, str] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
