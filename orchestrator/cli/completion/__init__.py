"""What the shell offers when Tab is pressed. ``stack __complete`` answers; ``stack completion SHELL`` prints what asks it.

``answer`` decides, ``index`` knows all commands and options, ``names`` the services and other names of the file at hand,
``scripts`` holds the shells' parts. Both kinds of knowledge are kept in small files, so that Tab does not wait for them.
"""
