"""One module a command: a frozen ``Options`` that declares what it accepts, and ``run(context, options) -> int``."""
