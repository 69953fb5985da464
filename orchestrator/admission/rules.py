"""Every rule by its id: what it forbids, and what in a policy permits it. Ids are stable: they stand in policies and messages.

``allow: [ID]`` in a policy lifts any rule but those of ``FIRM``; ``grant`` is the key that permits single things.
"""

from __future__ import annotations

from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    forbids: str
    grant: str = ""


_ALL = (
    Rule("privileged", "privileged containers, hooks and builds"),
    Rule("host-namespace", "the host's pid, ipc, uts, user or cgroup namespace"),
    Rule("host-network", "the host's network"),
    Rule("foreign-container", "containers of other stacks: their namespaces, volumes, links", "containers"),
    Rule("foreign-network", "networks of other stacks, and external ones", "networks"),
    Rule("foreign-volume", "volumes of other stacks, and external ones", "volumes"),
    Rule("foreign-secret", "external configs and secrets", "secrets"),
    Rule("adopt", "taking over containers that belong to no stack"),
    Rule("device", "devices of the host and rules about them", "devices"),
    Rule("gpu", "GPUs and other device requests"),
    Rule("capability", "capabilities beyond the engine's default set", "capabilities"),
    Rule("security-opt", "weakening seccomp, AppArmor, labels or masked paths", "security_opt"),
    Rule("new-privileges", "gaining privileges through setuid programs"),
    Rule("runtime", "another runtime than the engine's", "runtimes"),
    Rule("annotation", "annotations that a runtime obeys"),
    Rule("sysctl", "sysctls outside the container's namespaces", "sysctls"),
    Rule("cgroup-parent", "a place of one's own among the host's cgroups"),
    Rule("oom", "being spared when memory runs out"),
    Rule("pids", "more processes than the policy's `pids`", "pids"),
    Rule("bind", "files of the host outside the checkout, and sockets", "binds"),
    Rule("bind-propagation", "mounts that the host gets as well"),
    Rule("file-outside", "files outside the checkout as a part of the spec or of a build"),
    Rule("volume-driver", "volume plugins", "volume_drivers"),
    Rule("volume-options", "volumes that are binds, NFS, CIFS or other mounts"),
    Rule("network-driver", "networks that are not bridges", "network_drivers"),
    Rule("network-option", "options of networks that reach beyond them"),
    Rule("network-subnet", "addresses that are not private"),
    Rule("port", "ports below 1024; with profile prod any that all addresses publish", "ports"),
    Rule("log-driver", "log drivers that send elsewhere", "log_drivers"),
    Rule("reserved-label", "labels of stack, Docker and Compose", "labels"),
    Rule("registry", "images of registries that `registries` does not name", "registries"),
    Rule("digest", "images without a digest (profile prod)"),
    Rule("signature", "sources whose signatures are not verified (profile prod)"),
    Rule("provider", "programs of the host"),
    Rule("hook-user", "hooks as root beside a service that is not"),
    Rule("build-network", "builds in the host's network"),
    Rule("build-entitlement", "entitlements of builds"),
    Rule("build-ssh", "the host's SSH keys in builds"),
    Rule("build-context", "contexts of builds that are fetched from elsewhere", "contexts"),
    Rule("build-cache", "caches of builds in folders of the host, or in services"),
    Rule("limits", "more services or replicas than the policy's `services` and `replicas`", "services"),
    Rule("foreign-image", "names of images that are kept for other stacks"),
    Rule("unknown-request", "requests that no rule knows"),
    Rule("unknown-field", "fields of requests that no rule knows"),
    Rule("unreadable", "requests that can be read in two ways, or not at all"),
)
RULES = {rule.id: rule for rule in _ALL}
FIRM = frozenset(("unknown-request", "unknown-field", "unreadable"))


@dataclass(frozen=True, slots=True)
class Violation:
    """``field`` is where in the request (``HostConfig.Privileged``), ``value`` what stands there and breaks the rule."""

    rule: str
    field: str
    value: str
    message: str

    @property
    def hint(self) -> str:
        """What the operator of the host could permit."""
        rule = RULES[self.rule]
        if self.rule in FIRM:
            return "this cannot be granted; ask for it in another way"
        if rule.grant in ("services", "pids", ""):
            what = f"`{rule.grant}` or " if rule.grant else ""
            return f"the host's operator can permit it: {what}`allow: [{rule.id}]` in its policy"
        return f"the host's operator can permit it with `{rule.grant}:` in its policy"
