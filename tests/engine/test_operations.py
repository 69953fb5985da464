"""Docker's own operations on the services of a stack, on a real engine."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project

SHOP = """
    services:
      web:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        scale: 2
        volumes: [data:/data]
      db:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
    volumes: {data: }
    """


def running(project: Project, text: str = SHOP) -> Project:
    project.write(text)
    project.up()
    return project


def test_inspect_shows_what_the_engine_says_of_a_services_containers(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    project = running(make_project(on=each_engine))
    described = json.loads(project.run("inspect", "web").ok().stdout)
    assert [project.container("web", n)["Id"] for n in (1, 2)] == [one["Id"] for one in described]
    (second,) = json.loads(project.run("inspect", "--index", "2", "--size", "web").ok().stdout)
    assert f"/{project.name}-web-2" == second["Name"]
    assert "SizeRw" in second


def test_templates_are_filled_in_as_docker_fills_them(project: Project) -> None:
    running(project)
    name = project.name
    assert [f"/{name}-web-1 true", f"/{name}-web-2 true"] == project.run(
        "inspect", "--format", "{{.Name}} {{.State.Running}}", "web"
    ).ok().stdout.splitlines()
    info = project.run("info", "--format", "{{.ServerVersion}} {{.ClientInfo.Endpoint}}").ok().stdout.split()
    assert project.engine.api.get("/info")["ServerVersion"] == info[0]
    assert "db busybox:stable" in project.run("image", "ls", "--format", "{{.Service}} {{.Image}}").ok().stdout
    assert project.run("image", "history", "--format", "{{.ID}}", "db").ok().stdout
    heading = project.run("image", "ls", "--format", "table {{.Service}}\\t{{.ID}}").ok().stdout.splitlines()[0]
    assert ["SERVICE", "IMAGE", "ID"] == heading.split()


def test_inspect_knows_networks_volumes_and_images_by_the_names_of_the_file(project: Project) -> None:
    running(project)
    (network,) = json.loads(project.run("inspect", "--type", "network", "default").ok().stdout)
    (volume,) = json.loads(project.run("inspect", "--type", "volume").ok().stdout)
    (image,) = json.loads(project.run("inspect", "--type", "image", "db").ok().stdout)
    assert (f"{project.name}_default", f"{project.name}_data") == (network["Name"], volume["Name"])
    assert "busybox:stable" in image["RepoTags"]
    assert "the stack has no volume 'date'" in project.run("inspect", "--type", "volume", "date").failed(2).stderr


def test_inspect_of_a_service_without_containers_says_so(project: Project) -> None:
    project.write(SHOP)
    assert 'service "db" has no container' in project.run("inspect", "db").failed(1).stderr
    assert [] == json.loads(project.run("inspect").ok().stdout)


def test_diff_lists_files_by_replica(project: Project) -> None:
    running(project)
    project.engine.exec(f"{project.name}-web-2", "touch", "/made")
    assert "A /made" in project.run("diff", "--index", "2", "web").ok().stdout.splitlines()
    lines = project.run("diff").ok().stdout.splitlines()
    assert ["web-2  A /made"] == [line for line in lines if line.endswith("/made")]
    records = [json.loads(line) for line in project.run("diff", "--format", "json", "web").ok().stdout.splitlines()]
    assert [("web", f"{project.name}-web-2", "A")] == [
        (one["Service"], one["Name"], one["Kind"]) for one in records if one["Path"] == "/made"
    ]


def test_du_counts_shared_layers_once_and_knows_volumes_and_logs(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    project = make_project(on=each_engine)
    project.write("FROM busybox:stable\nRUN dd if=/dev/zero of=/big bs=1k count=200\n", "Dockerfile")
    running(project, SHOP.replace("      db:\n        image: busybox:stable", "      db:\n        build: ."))
    for name, kilobytes in (("web-1", 100), ("db-1", 300)):
        project.engine.exec(f"{project.name}-{name}", "dd", "if=/dev/zero", "of=/mine", "bs=1k", f"count={kilobytes}")
    project.engine.exec(f"{project.name}-web-1", "dd", "if=/dev/zero", "of=/data/kept", "bs=1k", "count=50")

    said = json.loads(project.run("du", "--format", "json").ok().stdout)

    sizes = {image["Name"]: image["Size"] for image in said["Images"]}
    base, built = sizes["busybox:stable"], sizes[f"{project.name}-db"]
    assert built - base >= 200 * 1024
    assert said["ImagesSize"] == built  # the base is part of it, and counts once
    taken = {one["Service"]: one for one in said["Containers"] if not one["Name"].endswith("web-2")}
    assert taken["web"]["Size"] >= 100 * 1024
    assert taken["db"]["Size"] >= 300 * 1024
    assert taken["db"]["LogSize"] == 0
    assert [("data", True)] == [(one["Key"], one["Size"] >= 50 * 1024) for one in said["Volumes"]]
    table = project.run("du", "--details").ok().stdout
    assert [["Images", "2"], ["Containers", "3"]] == [line.split()[:2] for line in table.splitlines()[1:3]]


def test_info_says_what_the_engine_is(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    known = json.loads(project.run("info", "--format", "json").ok().stdout)
    assert each_engine.api.get("/info")["ID"] == known["ID"]
    text = project.run("info").ok().stdout
    assert f" Server Version: {known['ServerVersion']}" in text.splitlines()
    assert f" ApiVersion: {known['ClientInfo']['ApiVersion']}" in text.splitlines()


def test_images_of_services_are_listed_described_and_tagged(project: Project) -> None:
    project.write('services: {web: {image: "busybox:stable"}, other: {image: "127.0.0.1:1/nothing:1"}}')
    rows = [line.split() for line in project.run("image", "ls").ok().stdout.splitlines()]
    assert ["other", "127.0.0.1:1/nothing:1", "not", "present"] in rows
    assert ["web", "busybox:stable"] in [row[:2] for row in rows]
    (described,) = json.loads(project.run("image", "inspect", "web").ok().stdout)
    assert described["Id"] == project.engine.image("busybox:stable")["Id"]
    assert described["Id"][7:19] == project.run("image", "ls", "-q").ok().stdout.strip()
    assert "IMAGE" == project.run("image", "history", "web").ok().stdout.split()[0]
    name = f"{project.name}-other:2"
    project.run("image", "tag", "web", name).ok()
    assert described["Id"] == project.engine.image(name)["Id"]


def test_an_image_goes_into_an_archive_and_comes_back(project: Project) -> None:
    project.write("FROM busybox:stable\nLABEL who=me\n", "Dockerfile")
    project.write("services: {web: {build: .}}")
    project.run("build").ok()
    before = project.engine.image(f"{project.name}-web")["Id"]
    project.run("image", "save", "-o", "web.tar", "web").ok()
    gone = project.run("image", "rm", "web").ok().stdout
    assert f"Untagged: {project.name}-web:latest" in gone
    assert not project.engine.image(f"{project.name}-web")
    assert f"Loaded image: {project.name}-web:latest" in project.run("image", "load", "-i", "web.tar").ok().stdout
    assert before == project.engine.image(f"{project.name}-web")["Id"]


def test_a_file_system_becomes_the_image_of_a_service(project: Project) -> None:
    import io
    import tarfile

    with tarfile.open(project.folder / "root.tar", "w") as archive:
        entry = tarfile.TarInfo("etc/here")
        entry.size = 2
        archive.addfile(entry, io.BytesIO(b"1\n"))
    project.write("services: {web: {build: .}}")
    made = project.run("image", "import", "--change", 'CMD ["/etc/here"]', "web", "root.tar").ok().stdout.strip()
    image = project.engine.image(f"{project.name}-web")
    assert (made, ["/etc/here"]) == (image["Id"], image["Config"]["Cmd"])


def test_an_image_in_use_is_not_removed_and_the_user_is_told(project: Project) -> None:
    project.write("FROM busybox:stable\nLABEL mine=yes\n", "Dockerfile")
    running(project, "services: {web: {build: ., command: sleep 1000, stop_signal: SIGKILL}}")
    assert "image-not-removed" in project.run("image", "rm", "web").failed(1).stderr
    assert "no service is named" in project.run("image", "rm").failed(2).stderr


def test_prune_shows_what_goes_and_leaves_what_is_used(project: Project) -> None:
    running(project)
    project.run("stop", "db").ok()
    shown = project.run("prune").ok()
    assert "db-1" in shown.stdout
    assert "web" not in shown.stdout
    assert [] == shown.mutations  # nobody said yes
    project.run("prune", "--force", "--volumes").ok()
    assert [f"{project.name}-web-1", f"{project.name}-web-2"] == sorted(project.census.containers)
    assert project.census.networks
    assert project.census.volumes


def test_prune_takes_networks_nobody_uses_and_volumes_only_when_told(project: Project) -> None:
    running(project)
    project.run("stop").ok()
    project.run("prune", "-f").ok()
    assert (set(), set(), {f"{project.name}_data"}) == (
        set(project.census.containers), set(project.census.networks), set(project.census.volumes)
    )  # fmt: skip
    project.run("prune", "-f", "--volumes").ok()
    assert project.census.empty
    assert "nothing to remove" in project.run("prune", "-f").ok().stderr


def test_prune_leaves_a_protected_volume_also_one_that_no_service_uses_at_present(project: Project) -> None:
    services = "services: {db: {image: 'busybox:stable', command: sleep 1000, stop_signal: SIGKILL"
    project.write(f"{services}, volumes: ['one:/a', 'two:/b']}}}}\nvolumes: {{one: , two: }}")
    project.up()
    project.down()
    project.write(f"{services}}}}}\nvolumes: {{one: , two: {{x-stack: {{protect: true}}}}}}")
    said = project.run("prune", "--volumes", "-f").ok().stderr
    assert f'warning: volume "{project.name}_two" stays: it is protected' in said
    assert {f"{project.name}_two"} == project.census.volumes


def test_image_prune_removes_what_rebuilding_left_behind(project: Project) -> None:
    project.write("services: {web: {build: .}}")
    ids = []
    for text in ("one", "two"):
        project.write(f"FROM busybox:stable\nRUN echo {text} > /x\n", "Dockerfile")
        project.run("build").ok()
        ids.append(project.engine.image(f"{project.name}-web")["Id"])
    assert project.engine.image(ids[0])
    project.run("image", "prune", "--force").ok()
    assert not project.engine.image(ids[0])
    assert project.engine.image(ids[1])


def test_a_name_and_limits_changed_in_the_file_are_changed_in_place(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    """`docker rename` and `docker update`, through the file."""
    project = make_project(on=each_engine)
    text = """
        services:
          web:
            image: busybox:stable
            command: sleep 1000
            stop_signal: SIGKILL
            container_name: NAME
            mem_limit: 32m
            memswap_limit: 64m
            restart: "no"
        """
    project.write(text.replace("NAME", f"{project.name}-first"))
    project.up()
    before = project.engine.inspect(f"{project.name}-first")
    changed = text.replace("NAME", f"{project.name}-second").replace("32m", "48m").replace('"no"', "always")
    project.write(changed)
    said = project.up()
    after = project.engine.inspect(f"{project.name}-second")
    assert (before["Id"], before["State"]["StartedAt"]) == (after["Id"], after["State"]["StartedAt"])
    assert (48 << 20, "always") == (after["HostConfig"]["Memory"], after["HostConfig"]["RestartPolicy"]["Name"])
    assert not [one for one in said.mutations if "create" in one or "start" in one or "stop" in one]


def test_search_shows_what_the_registrys_index_answers(project: Project) -> None:
    """The engine asks an index of its own accord; here a small one on loopback."""
    answer = {"query": "web", "num_results": 1, "results": [
        {"name": "shop/web", "description": "The shop's front", "star_count": 7, "is_official": True}
    ]}  # fmt: skip

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer if "/search" in self.path else {"standalone": True}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as index:
        thread = threading.Thread(target=index.serve_forever)
        thread.start()
        try:
            found = project.run("image", "search", f"127.0.0.1:{index.server_port}/web").ok().stdout.splitlines()
            name = project.run("image", "search", "--format", "{{.StarCount}}", f"127.0.0.1:{index.server_port}/web")
        finally:
            index.shutdown()
            thread.join()
    assert ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"] == found[0].split()
    assert found[1].split()[0].endswith("shop/web")
    assert "[OK]" in found[1]
    assert "7\n" == name.ok().stdout
