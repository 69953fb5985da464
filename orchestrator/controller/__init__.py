"""Bring the world to the file and keep it there: reconcile, the lock per stack, and (on a host) the loop."""
