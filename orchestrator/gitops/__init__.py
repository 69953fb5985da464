"""Desired state from git: repositories fetched, verified and laid out so that a stack can be loaded from a commit.

``git`` runs the program, hardened; ``repository`` keeps a mirror and whole checkouts; ``signatures`` verify before anything
is read; ``source`` is what a keeper loads from. Nothing of a repository is ever executed, and nothing in it chooses what is
fetched.
"""
