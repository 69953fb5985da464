"""The daemon: a host kept as its files say, and what can be seen of it and asked of it.

``keeping`` puts host file, engine, controller and triggers together; ``control`` answers the API; ``overrides`` remembers what was
suspended by hand; ``audit`` writes down who changed what.
"""
