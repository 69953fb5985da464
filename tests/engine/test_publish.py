"""`stack publish`: a stack's files in a real registry, and what is refused or asked before they get there."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from scripts.machine.registry import Registry
from tests.support.commands import Result, run_stack
from tests.support.projects import Project

MANIFEST = "application/vnd.oci.image.manifest.v1+json"

FILES = {
    "app.yml": """
        services:
          web:
            image: "web:${TAG:-1}"  # a comment that stays
            env_file:
              - web.env
            extends:
              file: base/common.yml
              service: common
          # hidden behind a profile
          debug: {image: "debug:1", profiles: [debug]}
        """,
    "over.yml": "services: {web: {tty: true}}\n",
    "base/common.yml": "services: {common: {image: base, hostname: common, env_file: [{path: common.env}]}}\n",
    "base/common.env": "COMMON=1\n",
    "web.env": "LEVEL=info\n",
}


@pytest.fixture
def shop(project: Project) -> Project:
    for name, text in FILES.items():
        project.write(text, name)
    return project


def publish(project: Project, *args: str, stdin: str = "", files: tuple[str, ...] = ("app.yml",)) -> Result:
    words = [word for file in files for word in ("-f", file)]
    return run_stack(
        [*words, "-p", project.name, "publish", *args],
        cwd=project.folder,
        env=project.environment(),
        stdin=stdin,
    )


def load(project: Project, reference: str, *args: str, **variables: str) -> dict[str, object]:
    elsewhere = project.folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    said = run_stack(
        ["-f", f"oci://{reference}", *args, "config", "--format", "json"],
        cwd=elsewhere,
        env=project.environment(variables),
    )
    loaded: dict[str, object] = json.loads(said.ok().stdout)["services"]
    return loaded


def test_what_is_published_is_loaded_back_with_all_that_belongs_to_it(shop: Project, registry: Registry) -> None:
    reference = f"{registry.address}/{shop.name}:v1"
    said = publish(shop, "--with-env", reference, files=("app.yml", "over.yml")).ok()
    assert said.stdout.startswith("sha256:")

    web = load(shop, reference, TAG="7")["web"]
    assert isinstance(web, dict)
    assert ("web:7", True, "common") == (web["image"], web["tty"], web["hostname"])
    assert {"LEVEL": "info", "COMMON": "1"} == web["environment"]
    assert {"web", "debug"} == load(shop, reference, "--profile", "*").keys()
    manifest = _manifest(registry, shop.name, "v1")
    first = _blob(registry, shop.name, manifest["layers"][0]["digest"])
    assert "# a comment that stays" in first


def test_the_older_form_of_artifacts_is_loaded_too(shop: Project, registry: Registry) -> None:
    reference = f"{registry.address}/{shop.name}:old"
    publish(shop, "--with-env", "--oci-version", "1.0", reference).ok()
    assert {"web"} == load(shop, reference).keys()
    assert "artifactType" not in _manifest(registry, shop.name, "old")


def test_variables_that_others_would_read_are_asked_about_unless_they_are_meant(
    project: Project, registry: Registry
) -> None:
    project.write("A=1\n", "web.env")
    project.write(
        """
        services:
          web: {image: "web:1", env_file: web.env, environment: {DB_PASSWORD: "hunter22", COLOR: blue}}
          job: {image: "job:1", environment: [API_KEY=abcdef123, "TOKEN=${TOKEN}"]}
        """
    )
    reference = f"{registry.address}/{project.name}:v1"
    declined = publish(project, reference, stdin="n\n").failed(130)
    for line in (
        "you are about to publish env-related declarations within your OCI artifact.",
        '"web": env_file declared',
        '"web": literal value for "DB_PASSWORD"',
        '"job": literal value for "API_KEY"',
        "Use --with-env to silence this prompt",
        "Are you ok to publish these env declarations?",
    ):
        assert line in declined.stderr.splitlines() or line in declined.stderr.splitlines()[-1]
    for hidden in ("hunter22", "abcdef123", "COLOR", '"TOKEN"'):
        assert hidden not in declined.stderr
    assert not _exists(registry, project.name, "v1")

    agreed = publish(project, reference, stdin="y\n").ok()
    assert "warning: the artifact names env files that it does not hold" in agreed.stderr
    assert not [layer for layer in _manifest(registry, project.name, "v1")["layers"] if "env" in layer["mediaType"]]
    assert "env-related" not in publish(project, "-y", "--with-env", reference).ok().stderr


def test_variables_filled_in_from_outside_are_not_asked_about(project: Project, registry: Registry) -> None:
    project.write("services: {web: {image: 'web:1', environment: {TOKEN: '${TOKEN}', LEVEL: info}}}\n")
    publish(project, f"{registry.address}/{project.name}:v1").ok()


def test_nothing_is_sent_before_what_is_sensitive_was_agreed_to(project: Project, registry: Registry) -> None:
    project.write(
        """
        services:
          web:
            image: web:1
            labels: {API_KEY: "abcdef1234", FROM_OUTSIDE_TOKEN: "${TOKEN}"}
            volumes: ["/etc/passwd:/x:ro"]
        """
    )
    reference = f"{registry.address}/{project.name}:v1"
    declined = publish(project, reference, stdin="y\nn\n").failed(130)
    assert "you are about to publish bind mounts declaration within your OCI artifact.\n" in declined.stderr
    assert "web: /etc/passwd:/x:ro" in declined.stderr
    assert "you are about to publish sensitive data within your OCI artifact.\n" in declined.stderr
    assert "app.yml:4: a value for API_KEY" in declined.stderr
    assert "abcdef1234" not in declined.stderr
    assert "a value for FROM_OUTSIDE_TOKEN" not in declined.stderr
    assert not _exists(registry, project.name, "v1")

    publish(project, reference, stdin="y\ny\n").ok()
    assert _exists(registry, project.name, "v1")
    publish(project, "-y", reference).ok()


def test_a_local_include_and_a_build_without_an_image_are_refused(project: Project, registry: Registry) -> None:
    project.write("services: {sub: {image: 'sub:1'}}\n", "sub.yml")
    project.write("include: [sub.yml]\nservices: {web: {image: 'web:1'}}\n")
    refused = publish(project, f"{registry.address}/{project.name}").failed()
    assert "cannot publish compose file with local includes" in refused.stderr
    assert "app.yml:1:11" in refused.stderr
    project.write("services: {web: {build: .}}\n")
    unpublished = publish(project, f"{registry.address}/{project.name}").failed().stderr
    assert "your Compose stack cannot be published as it only contains a build section for service(s):" in unpublished
    assert '- "web"' in unpublished


def test_digests_and_images_come_along_when_asked_for(project: Project, registry: Registry) -> None:
    image = f"{registry.address}/{project.name}/web:1"
    project.write(
        f"""
        services:
          web:
            image: {image}
            build: {{context: ., dockerfile_inline: "FROM busybox:stable\\n"}}
        """
    )
    project.run("build", "-q").ok()
    target = f"{registry.address}/{project.name}/app:v1"

    publish(project, "--app", target).ok()

    web = load(project, target)["web"]
    assert isinstance(web, dict)
    name, _, digest = str(web["image"]).partition("@")
    assert f"{registry.address}/{project.name}/web" == name
    assert _exists(registry, f"{project.name}/app", digest)
    publish(project, "--resolve-image-digests", target).ok()


def test_a_rehearsal_shows_the_layers_and_sends_nothing(shop: Project, registry: Registry) -> None:
    reference = f"{registry.address}/{shop.name}:v1"
    said = publish(shop, "--dry-run", "--with-env", "--insecure-registry", reference).ok()
    assert "app.yml" in said.stdout
    assert f" {reference} publishing\n {reference} published\n" in said.stderr
    assert not _exists(registry, shop.name, "v1")


def _manifest(registry: Registry, name: str, version: str) -> dict[str, list[dict[str, str]]]:
    request = Request(f"http://{registry.address}/v2/{name}/manifests/{version}", headers={"Accept": MANIFEST})
    with urlopen(request) as answer:
        found: dict[str, list[dict[str, str]]] = json.load(answer)
    return found


def _blob(registry: Registry, name: str, digest: str) -> str:
    with urlopen(f"http://{registry.address}/v2/{name}/blobs/{digest}") as answer:
        return str(answer.read().decode())


def _exists(registry: Registry, name: str, version: str) -> bool:
    from urllib.error import HTTPError

    kinds = f"{MANIFEST}, application/vnd.docker.distribution.manifest.v2+json"
    request = Request(
        f"http://{registry.address}/v2/{name}/manifests/{version}", headers={"Accept": kinds}, method="HEAD"
    )
    try:
        urlopen(request).close()
    except HTTPError as refused:
        refused.close()
        return False
    return True
