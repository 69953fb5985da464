"""The stacks that are measured. Containers end at once when asked to, so that no grace period is measured by mistake."""

from __future__ import annotations

IMAGE = "busybox:stable"


def independent(count: int) -> str:
    """``count`` services without dependencies, one container each."""
    services = "".join(
        f"  s{number:03d}:\n"
        f"    image: {IMAGE}\n"
        f"    command: sleep infinity\n"
        f"    stop_signal: SIGKILL\n"
        f"    environment:\n      NUMBER: '{number}'\n"
        for number in range(count)
    )
    return f"services:\n{services}"


def scaled(count: int) -> str:
    """One service with ``count`` replicas."""
    return (
        f"services:\n  web:\n    image: {IMAGE}\n    command: sleep infinity\n"
        f"    stop_signal: SIGKILL\n    scale: {count}\n"
    )


def healthy_chain(length: int) -> str:
    """Services that each wait for the health of the one before, healthy at their first check."""
    services = ""
    for number in range(length):
        services += (
            f"  c{number}:\n    image: {IMAGE}\n    command: sleep infinity\n    stop_signal: SIGKILL\n"
            "    healthcheck:\n      test: [CMD, 'true']\n      interval: 100ms\n      timeout: 5s\n"
        )
        if number:
            services += f"    depends_on:\n      c{number - 1}:\n        condition: service_healthy\n"
    return f"services:\n{services}"


def completed_chain(length: int) -> str:
    """One-shots that each wait for the one before to finish, and a service at the end that stays."""
    services = ""
    for number in range(length):
        last = number == length - 1
        services += f"  c{number}:\n    image: {IMAGE}\n    stop_signal: SIGKILL\n"
        command = "sleep infinity" if last else "['true']"
        services += f"    command: {command}\n"
        if number:
            services += f"    depends_on:\n      c{number - 1}:\n        condition: service_completed_successfully\n"
    return f"services:\n{services}"


def talkative(lines: int) -> str:
    """One service that prints numbered lines and ends."""
    return f"services:\n  web:\n    image: {IMAGE}\n    command: [seq, '{lines}']\n"


def realistic(count: int) -> str:
    """Services as people write them: ten variables, two ports, two volumes, a health check, dependencies and labels."""
    services = ""
    for number in range(count):
        variables = "".join(f"      VARIABLE_{n}: value-{n}-${{BENCH_TAG:-stable}}\n" for n in range(10))
        services += (
            f"  s{number:04d}:\n    image: registry.example/app-{number}:${{BENCH_TAG:-1.0}}\n"
            f"    environment:\n{variables}"
            f'    ports:\n      - "{10000 + number * 2}:8080"\n      - "127.0.0.1:{10001 + number * 2}:9090/tcp"\n'
            f"    volumes:\n      - data-{number}:/data\n      - ./conf/{number}:/etc/app:ro\n"
            "    healthcheck:\n      test: [CMD, wget, -q, -O-, 'http://127.0.0.1:8080/health']\n"
            "      interval: 10s\n      timeout: 3s\n      retries: 5\n"
            f"    labels:\n      traefik.enable: 'true'\n      traefik.http.routers.s{number}.rule: Host(`s{number}.example`)\n"
            "    restart: unless-stopped\n"
        )
        if number:
            services += f"    depends_on:\n      - s{number - 1:04d}\n"
    volumes = "".join(f"  data-{number}: {{}}\n" for number in range(count))
    return f"services:\n{services}volumes:\n{volumes}"
