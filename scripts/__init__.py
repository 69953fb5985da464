"""What the README's commands run. The work is in ``scripts.machine``; the files beside it are thin doors to it."""
