"""What stacks from elsewhere may ask of an engine, judged on the final request.

``rules`` names every rule, ``endpoints`` every call and who judges it. ``gate`` judges a request at the moment it is sent,
``check`` those of a whole stack before anything is sent, with places in the user's files. ``hardening`` adds what is required.
"""
