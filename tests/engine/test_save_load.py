"""A whole stack goes into one archive and comes up on another engine, without a registry and without its sources."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

from scripts.machine.registry import Registry
from tests.conftest import EngineMaker, ProjectMaker
from tests.support.commands import Result, run_stack
from tests.support.projects import Project

SPEC = """
    services:
      web:
        build: .
        command: ["sh", "-c", "cat /run/secrets/token /conf /data/page; sleep 1000"]
        stop_signal: SIGKILL
        environment: {MONEY: "$$5"}
        env_file: settings.env
        volumes: ["./page:/data:ro", "kept:/kept"]
        secrets: [token]
        configs: [{source: conf, target: /conf}]
      db:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
    secrets: {token: {file: ../token}}
    configs: {conf: {content: "a config\\n"}}
    volumes: {kept: }
"""


def shop(project: Project) -> Project:
    project.write(SPEC)
    project.write("FROM busybox:stable\nRUN echo built > /built\n", "Dockerfile")
    project.write("COLOUR=blue\n", "settings.env")
    project.write("the page\n", "page/page")
    project.write("a token\n", "../token")
    project.run("build").ok()
    return project


def on(engine_project: Project, folder: Path, *words: str) -> Result:
    return run_stack(words, cwd=folder, env=engine_project.environment())


def test_a_saved_stack_comes_up_on_a_machine_that_has_nothing_of_it(
    private_engine: EngineMaker, make_project: ProjectMaker, tmp_path: Path
) -> None:
    project = shop(make_project())
    saved = project.run("save", "-o", "shop.stack").ok()
    assert [] == saved.mutations
    assert 0o600 == (project.folder / "shop.stack").stat().st_mode & 0o777

    other = private_engine()
    there = make_project(project.name, on=other)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    loaded = on(there, elsewhere, "load", "-i", str(project.folder / "shop.stack")).ok()
    spec = loaded.stdout.strip()
    assert f"{project.name}/app.yml" == spec
    assert "SIGKILL" in (elsewhere / spec).read_text()
    on(there, elsewhere, "up", "-d", "-f", spec).ok()
    assert ["db-1", "web-1"] == there.running()
    assert "a token\na config\nthe page\n" == other.logs(f"{project.name}-web-1")
    code, said = other.exec(f"{project.name}-web-1", "sh", "-c", "echo $MONEY $COLOUR; cat /built")
    assert (0, "$5 blue\nbuilt\n") == (code, said)
    again = on(there, elsewhere, "plan", "-f", spec, "--detailed-exitcode")
    assert 0 == again.code, str(again)


def test_an_image_named_by_its_digest_is_in_the_archive_too(project: Project, registry: Registry) -> None:
    reference = f"{registry.address}/{project.name}/pinned:1"
    project.docker("tag", "busybox:stable", reference).ok()
    project.docker("push", reference).ok()
    pinned = next(one for one in project.engine.image(reference)["RepoDigests"] if one.startswith(registry.address))
    project.docker("rmi", reference).ok()
    project.docker("pull", pinned).ok()
    project.write(f"services: {{web: {{image: '{pinned}', command: sleep 1000, stop_signal: SIGKILL}}}}")
    project.run("save", "-o", "a.stack").ok()
    project.docker("rmi", pinned).ok()

    spec = project.run("load", "-i", "a.stack", "--into", "out").ok().stdout.strip()
    project.run("up", "-d", file=spec).ok()
    assert ["web-1"] == project.running()
    project.down(file=spec)
    project.run("image", "rm", "web", file=spec).ok()


def test_an_image_that_is_not_here_is_named_before_anything_is_written(project: Project) -> None:
    project.write("services: {web: {image: 'nobody/has-this:1'}}")
    said = project.run("save", "-o", "a.stack").failed(1)
    assert "nobody/has-this:1 is not present" in said.stderr
    assert not (project.folder / "a.stack").exists()


def test_what_belongs_to_the_host_is_named(project: Project) -> None:
    project.write("services: {web: {image: 'busybox:stable', volumes: ['/etc/hostname:/h:ro'], networks: [out]}}\n"
                  "networks: {out: {external: true, name: public}}\n")  # fmt: skip
    said = project.run("save", "-o", "a.stack").ok().stderr
    assert "/etc/hostname belongs to this host" in said
    assert "network public is external" in said


def test_an_archive_through_gzip_is_read_and_a_full_folder_is_left_alone(project: Project) -> None:
    project.write("services: {web: {image: 'busybox:stable'}}")
    project.run("save", "-o", "a.stack").ok()
    (project.folder / "a.gz").write_bytes(gzip.compress((project.folder / "a.stack").read_bytes()))
    project.run("load", "-i", "a.gz", "--into", "out").ok()
    assert (project.folder / "out" / "app.yml").exists()
    assert "is not empty" in project.run("load", "-i", "a.gz", "--into", "out").failed(2).stderr
    project.run("load", "-i", "a.gz", "--into", "out", "--force").ok()


def test_an_archive_that_reaches_outside_of_its_folder_is_refused(project: Project) -> None:
    project.write("services: {web: {image: 'busybox:stable'}}")
    project.run("save", "-o", "a.stack").ok()
    hostile = io.BytesIO()
    with tarfile.open(fileobj=hostile, mode="w") as inner:
        entry = tarfile.TarInfo("../outside")
        entry.size = 1
        inner.addfile(entry, io.BytesIO(b"x"))
    with tarfile.open(project.folder / "a.stack") as old, tarfile.open(project.folder / "b.stack", "w") as new:
        for name in ("stack.json", "files.tar"):
            data = hostile.getvalue() if name == "files.tar" else (old.extractfile(name) or hostile).read()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    project.run("load", "-i", "b.stack", "--into", "out").failed(1)
    assert not (project.folder / "outside").exists()


def test_something_else_is_no_archive_of_a_stack(project: Project) -> None:
    project.write("services: {web: {image: 'busybox:stable'}}")
    project.run("image", "save", "-o", "images.tar").ok()
    assert "no archive of a stack" in project.run("load", "-i", "images.tar").failed(1).stderr
