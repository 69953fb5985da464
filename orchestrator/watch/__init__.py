"""Files as triggers: what changed on disk, and whom it concerns. The only importer of watchdog.

``files`` turns the kernel's notes into batches of changed paths; ``stacks`` turns them into "look at stack X again", for
whoever loads, plans and applies (``up --watch``, a daemon); ``rules`` sorts them by what `develop.watch` says.
Nothing here reads a spec or talks to an engine.
"""
