"""Makes a bare Debian or Ubuntu machine able to run and test ``stack``: packages, engines, images, a registry, a venv.

Standard library only, because it runs before anything is installed. ``engine`` starts and ends private Docker Engines,
``packages`` and ``newer`` bring their programs, ``quickstart`` and ``testing`` are the outlines of the README's two
commands. Nothing in the ``orchestrator`` package imports it.
"""
