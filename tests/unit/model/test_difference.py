"""Which differences between a wish and what an engine shows are differences, and how they are said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.model.container import Container, ImageDefaults
from orchestrator.model.difference import differences
from orchestrator.model.values import (
    SECOND,
    Attachment,
    FileGrant,
    FileKind,
    Healthcheck,
    Logging,
    Mount,
    MountType,
    Port,
    Resources,
    RestartPolicy,
    Ulimit,
)

PLAIN = ImageDefaults()
IMAGE = ImageDefaults(
    command=("serve",),
    entrypoint=("/entry",),
    environment={"PATH": "/bin", "LANG": "C"},
    labels={"maker": "someone"},
    user="app",
    working_dir="/srv",
    stop_signal="SIGQUIT",
    healthcheck=Healthcheck(("CMD", "probe"), interval_ns=30 * SECOND, retries=3),
    expose=("80/tcp",),
    volumes=("/var/cache",),
)
FROM_IMAGE = Container(
    command=("serve",),
    entrypoint=("/entry",),
    environment={"PATH": "/bin", "LANG": "C"},
    labels={"maker": "someone", "com.docker.compose.project": "shop", "stack.fingerprint": "f"},
    user="app",
    working_dir="/srv",
    stop_signal="SIGQUIT",
    healthcheck=Healthcheck(("CMD", "probe"), interval_ns=30 * SECOND, retries=3),
    expose=("80/tcp",),
    mounts=(Mount(MountType.VOLUME, "/var/cache"),),
)


def said(desired: Container, observed: Container, image: ImageDefaults | None = PLAIN, **more: object) -> list[str]:
    return [str(difference) for difference in differences(desired, observed, image, **more)]  # type: ignore[arg-type]


def volume(target: str, source: str = "", key: str = "") -> Mount:
    return Mount(MountType.VOLUME, target, source, key)


@pytest.mark.parametrize(
    ("desired", "observed", "expected"),
    [
        (Container(environment={"A": "1"}), Container(environment={"A": "2"}), "environment.A: 2 -> 1"),
        (Container(environment={"A": "1"}), Container(), "environment.A: (none) -> 1"),
        (Container(), Container(environment={"A": "1"}), "environment.A: 1 -> (none)"),
        (Container(environment={"A": ""}), Container(), 'environment.A: (none) -> ""'),
        (Container(command=("a", "b")), Container(command=("a",)), "command: a -> a b"),
        (Container(user="x"), Container(), "user: (none) -> x"),
        (Container(ports=(Port(80, "8080"),)), Container(ports=(Port(80, "8081"),)), "ports[80/tcp]: 8081 -> 8080"),
        (Container(ports=(Port(80),)), Container(), "ports[80/tcp]: (none) -> any free port"),
        (
            Container(ports=(Port(80, "8080", host_ip="127.0.0.1"),)),
            Container(ports=(Port(80, "8080"),)),
            "ports[80/tcp]: 8080 -> 127.0.0.1:8080",
        ),
        (
            Container(mounts=(volume("/data", "shop_new", "new"),)),
            Container(mounts=(volume("/data", "shop_old"),)),
            "volumes[/data]: type volume, source shop_old -> type volume, source shop_new",
        ),
        (
            Container(resources=Resources(memory=128 << 20)),
            Container(resources=Resources(memory=64 << 20)),
            "deploy.resources.limits.memory: 64m -> 128m (in place)",
        ),
        (
            Container(),
            Container(resources=Resources(memory=64 << 20)),
            "deploy.resources.limits.memory: 64m -> (none)",
        ),
        (
            Container(resources=Resources(nano_cpus=500_000_000)),
            Container(resources=Resources(nano_cpus=1_000_000_000)),
            "deploy.resources.limits.cpus: 1 -> 0.5 (in place)",
        ),
        (
            Container(restart=RestartPolicy("on-failure", 3)),
            Container(restart=RestartPolicy("always")),
            "restart: always -> on-failure:3 (in place)",
        ),
        (
            Container(healthcheck=Healthcheck(("CMD", "x"), interval_ns=90 * SECOND)),
            Container(healthcheck=Healthcheck(("CMD", "x"), interval_ns=30 * SECOND)),
            "healthcheck.interval: 30s -> 1m30s",
        ),
        (
            Container(networks={"front": Attachment(aliases=("www",))}),
            Container(networks={"front": Attachment()}),
            "networks.front.aliases: (none) -> www (in place)",
        ),
        (
            Container(networks={"front": Attachment()}),
            Container(),
            "networks.front: (none) -> connected (in place)",
        ),
        (Container(cap_add=("NET_ADMIN",)), Container(), "cap_add: (none) -> NET_ADMIN"),
        (Container(stop_grace_period_ns=90 * SECOND), Container(), "stop_grace_period: (none) -> 1m30s"),
        (Container(shm_size=128 << 20), Container(), "shm_size: (none) -> 128m"),
        (Container(ulimits={"nofile": Ulimit(1, 2)}), Container(), "ulimits.nofile: (none) -> 1 2"),
        (Container(sysctls={"net.x": "1"}), Container(sysctls={"net.x": "2"}), "sysctls.net.x: 2 -> 1"),
    ],
)
def test_a_difference_is_said_as_its_path_and_both_values(
    desired: Container, observed: Container, expected: str
) -> None:
    assert [expected] == said(desired, observed)


@pytest.mark.parametrize(
    ("desired", "observed"),
    [
        (Container(cap_add=("CAP_NET_ADMIN", "chown")), Container(cap_add=("CHOWN", "NET_ADMIN"))),
        (Container(ports=(Port(80, "1"), Port(81, "2"))), Container(ports=(Port(81, "2"), Port(80, "1")))),
        (Container(ports=(Port(80, "8080", name="web", mode="host"),)), Container(ports=(Port(80, "8080"),))),
        (Container(ports=(Port(80, "0"),)), Container(ports=(Port(80),))),
        (Container(expose=("80", "8000-8001")), Container(expose=("8001/tcp", "80/tcp", "8000/tcp"))),
        (Container(expose=("80",), ports=(Port(80, "1"),)), Container(ports=(Port(80, "1"),))),
        (Container(stop_grace_period_ns=1_500_000_000), Container(stop_grace_period_ns=2 * SECOND)),
        (Container(init=False), Container()),
        (Container(extra_hosts=("a=1.1.1.1",)), Container(extra_hosts=("a:1.1.1.1",))),
        (Container(security_opt=("no-new-privileges:true",)), Container(security_opt=("no-new-privileges",))),
        (Container(resources=Resources(memory=8, memory_swap=16)), Container(resources=Resources(memory=8))),
        (Container(resources=Resources(pids_limit=-1)), Container()),
        (Container(mounts=(volume("/cache"),)), Container(mounts=(volume("/cache", "a" * 64),))),
        (Container(working_dir="/srv/"), Container(working_dir="/srv")),
        (Container(platform="linux/amd64"), Container(platform="linux/amd64/v2")),
        (Container(), Container(platform="linux/amd64", mac_address="02:42:ac:11:00:02")),
        (Container(network_mode="default"), Container()),
        (Container(restart=RestartPolicy("")), Container(restart=RestartPolicy("no"))),
        (
            Container(files=(FileGrant(FileKind.SECRET, "db", "/run/secrets/db", source="/keys/db"),)),
            Container(mounts=(Mount(MountType.BIND, "/run/secrets/db", "/keys/db", read_only=True),)),
        ),
    ],
)
def test_what_means_the_same_is_no_difference(desired: Container, observed: Container) -> None:
    assert said(desired, observed) == []


def test_what_the_image_adds_is_no_difference() -> None:
    assert said(Container(), FROM_IMAGE, IMAGE) == []


def test_of_an_image_that_is_gone_nothing_is_known_so_extras_are_no_difference() -> None:
    assert said(Container(environment={"LANG": "C"}), FROM_IMAGE, None) == []
    assert ["environment.LANG: C -> D"] == said(Container(environment={"LANG": "D"}), FROM_IMAGE, None)


def test_an_entrypoint_of_ones_own_drops_the_images_command() -> None:
    observed = Container(entrypoint=("/mine",))
    assert said(Container(entrypoint=("/mine",)), observed, ImageDefaults(command=("serve",))) == []


def test_a_variable_without_a_value_removes_the_images() -> None:
    image = ImageDefaults(environment={"LANG": "C"})
    assert said(Container(environment={"LANG": None}), Container(), image) == []
    assert ["environment.LANG: C -> (none)"] == said(
        Container(environment={"LANG": None}), Container(environment={"LANG": "C"}), image
    )


def test_parts_of_a_health_check_are_inherited_one_by_one() -> None:
    image = ImageDefaults(healthcheck=Healthcheck(("CMD", "probe"), retries=3))
    own = Container(healthcheck=Healthcheck(interval_ns=SECOND))
    merged = Container(healthcheck=Healthcheck(("CMD", "probe"), interval_ns=SECOND, retries=3))
    assert said(own, merged, image) == []


def test_a_health_check_that_is_switched_off_inherits_nothing() -> None:
    image = ImageDefaults(healthcheck=Healthcheck(("CMD", "probe"), retries=3))
    off = Container(healthcheck=Healthcheck(("NONE",)))
    assert said(off, off, image) == []


def test_a_wish_for_the_engines_own_default_is_met_by_silence() -> None:
    engine = Container(logging=Logging("json-file"), ipc="private", runtime="runc")
    wish = Container(logging=Logging("json-file"), ipc="private", runtime="runc")
    assert said(wish, Container(), engine=engine) == []
    assert ["ipc: (none) -> host"] == said(Container(ipc="host"), Container(), engine=engine)


def test_secrets_are_masked_by_name_by_form_and_by_value() -> None:
    desired = Container(
        environment={"DB_PASSWORD": "alpha", "URL": "http://me:beta@host/", "OTHER": "is gamma-ray here"},
        command=("run", "--token=delta"),
    )
    text = "\n".join(said(desired, Container(), secrets=frozenset({"gamma-ray"})))
    assert not [word for word in ("alpha", "beta", "gamma", "delta") if word in text]
    assert "http://***@host/" in text


def test_reserved_labels_are_never_compared() -> None:
    mine = Container(labels={"a": "1"})
    theirs = Container(labels={"a": "1", "com.docker.compose.version": "2", "stack.fingerprint": "x"})
    assert said(mine, theirs) == []


@pytest.mark.parametrize(
    ("options", "size", "mode", "read_only"),
    [
        ("size=1m,mode=700", 1 << 20, 0o700, False),
        ("mode=0700,size=1048576", 1 << 20, 0o700, False),
        ("size=2G,ro", 2 << 30, None, True),
    ],
)
def test_a_tmpfs_is_the_same_in_both_spellings(options: str, size: int, mode: int | None, read_only: bool) -> None:
    """Compose gives engines the one, we give them the other."""
    short = Mount(MountType.TMPFS, "/t", tmpfs_options=options)
    long = Mount(MountType.TMPFS, "/t", tmpfs_size=size, tmpfs_mode=mode, read_only=read_only)

    assert () == differences(Container(mounts=(long,)), Container(mounts=(short,)), None)
    assert differences(Container(mounts=(long,)), Container(mounts=(replace(short, tmpfs_options="size=9"),)), None)
