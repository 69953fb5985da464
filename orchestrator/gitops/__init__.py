"""Desired state from git: repositories fetched, verified and laid out so that a stack can be loaded from a commit.

``git`` runs the program, hardened; ``call``, ``confined`` and ``launcher`` keep it to what it needs; ``repository`` keeps a mirror
(``mirrors``) and whole checkouts (``checkouts``, ``layout``), with ``submodules`` and ``largefiles`` for those who ask for them;
``signatures`` verify before anything is read; ``troubles`` are what can be wrong; ``source`` is what a keeper loads from;
``differing`` tells which stacks of a commit are looked at first; ``dependencies`` tell versions of one apart, by its model and
``contents``. Nothing of a repository is ever executed, and nothing in it
chooses where from anything is fetched but within what the operator permits.
"""
