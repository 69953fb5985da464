"""What becomes of every property of the schema: read into the model, used up by the loader, refused, or without effect.

``outcome`` answers for one property of one definition. A test goes through the schema and fails for a property that
has no answer: so a new one is either carried out or said not to be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from orchestrator.spec import build, build_container, build_deploy, build_own, build_service, contents

# Rows of tables, by definition of the schema.
TABLES: Mapping[str, tuple[Collection[str], ...]] = {
    "service": (build_container.CONTAINER, build_container.RESOURCES, build_service.SERVICE),
    "port": (build_container.PORT.table,),
    "device": (build_container.DEVICE.table,),
    "device_request": (build_container.DEVICE_REQUEST.table,),
    "reserved_device": (build_container.DEVICE_REQUEST.table,),
    "logging": (build_container.LOGGING.table,),
    "healthcheck": (build_container.HEALTHCHECK.table,),
    "blkio_config": (build_container.BLKIO.table,),
    "blkio_limit": (build_container.RATE.table,),
    "blkio_weight": (build_container.WEIGHT.table,),
    "deploy": (build_deploy.DEPLOY,),
    "resources": (build_deploy.RESOURCES,),
    "limits": (build_deploy.LIMITS,),
    "reservations": (build_deploy.RESERVATIONS,),
    "generic_resource": (build_deploy.GENERIC,),
    "discrete_resource": (build_deploy.DISCRETE,),
    "restart_policy": (build_deploy.RESTART.table,),
    "update_config": (build_deploy.UPDATE,),
    "rollback_config": (build_deploy.ROLLBACK,),
    "placement": (build_deploy.PLACEMENT.table,),
    "placement_preference": (build_deploy.PREFERENCE,),
    "build": (build_deploy.BUILD,),
    "hook": (build_deploy.HOOK.table,),
    "start_hook": (build_deploy.HOOK.table,),
    "watch": (build_deploy.WATCH.table,),
    "provider": (build_deploy.PROVIDER.table,),
    "service_network": (build_service.ATTACHMENT.table,),
    "mount": (build_service.MOUNT,),
    "mount_bind": (build_service.BIND,),
    "mount_volume": (build_service.VOLUME,),
    "mount_tmpfs": (build_service.TMPFS,),
    "mount_image": (build_service.IMAGE,),
    "dependency": (build_service.DEPENDENCY.table,),
    "grant": (contents.GRANT,),
    "network": (build.NETWORK,),
    "ipam": (build.IPAM,),
    "ipam_pool": (build.POOL.table,),
    "volume": (build.VOLUME, ("x-stack",)),
    "model": (build.MODEL,),
    "probe": (build_own.PROBE,),
    "http_probe": (build_own.HTTP,),
    "tcp_probe": (build_own.TCP,),
    "front_end": (build_own.FRONT_END,),
}
# Read without a table, because more than one value decides.
BY_HAND: Mapping[str, Collection[str]] = {
    "": ("x-stack",),
    "own_of_service": ("probe", "front_end", "adopt"),
    "service": (
        *("image", "build", "networks", "volumes", "tmpfs", "configs", "secrets", "security_opt"),
        *("depends_on", "deploy", "scale", "pull_policy", "x-stack"),
    ),
    "healthcheck": ("disable",),
    "build": ("secrets",),
    "develop": ("watch",),
    "grant": ("source", "target"),
    "config": ("file", "environment", "content", "external", "name", "x-stack"),
    "secret": ("file", "environment", "external", "name", "driver", "template_driver", "x-stack"),
    "ulimit": ("soft", "hard"),
    "model_grant": ("endpoint_var", "model_var"),
    "credential_spec": ("config", "file", "registry"),
}
# Used up before the model is complete: nothing of it is left to translate.
LOADER: Mapping[str, Collection[str]] = {
    "": ("version", "name", "include", "services", "networks", "volumes", "configs", "secrets", "models"),
    "service": ("extends", "env_file", "label_file"),
    "extends": ("service", "file"),
    "env_file": ("path", "format", "required"),
    "include": ("path", "project_directory", "env_file"),
}
# Nothing acts on it; `advice` says so for every file that has it, or it is a name for people.
WITHOUT_EFFECT: Mapping[str, Mapping[str, str]] = {
    "service": {"pull_refresh_after": "no version of Compose reads it"},
    "config": {
        "labels": "it matters on a Swarm only",
        "template_driver": "it is refused on one host",
    },
    "secret": {
        "labels": "it matters on a Swarm only",
        "driver_opts": "it matters on a Swarm only",
    },
}


# Loaded and shown, and nothing else is done with it: each has its warning in ``advice``, at the place named here.
ONLY_LOADED: Mapping[str, Mapping[str, str]] = {
    "generic_resource": {"discrete_resource_spec": "services.*.deploy.resources.reservations.generic_resources"},
    "placement_preference": {"spread": "services.*.deploy.placement.preferences"},
    "model": {"context_size": "services.*.models", "runtime_flags": "services.*.models"},
}


def rows() -> Iterator[tuple[str, str, str]]:
    """Every row of the tables: definition, key and the attribute of the model that it becomes."""
    for definition, tables in TABLES.items():
        for table in tables:
            for key, row in table.items() if isinstance(table, Mapping) else ():
                yield definition, key, row.attribute


def outcome(definition: str, key: str) -> str:
    """``model``, ``loader``, the reason why there is no effect, or "" where nobody has thought of the property."""
    if any(key in table for table in TABLES.get(definition, ())) or key in BY_HAND.get(definition, ()):
        return "model"
    if key in LOADER.get(definition, ()):
        return "loader"
    return WITHOUT_EFFECT.get(definition, {}).get(key, "")
