"""What tests on real engines share: engines, projects, running the command, a proxy that misbehaves, waiting, counting.

Nothing here goes through the code under test to find out what is true: assertions read the engine over its own socket.
"""
