"""What a daemon shows and can be asked, over HTTP: a REST API, events, logs, metrics and a status page.

``control`` is what the daemon offers; ``views`` turn it into JSON; ``guard`` lets nobody in who has no business here; ``routes``
are the resources; ``server`` listens. Nothing here decides about a stack or talks to an engine.
"""
