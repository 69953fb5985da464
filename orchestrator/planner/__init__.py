"""The decisions, pure: what is wrong with each slot and why (verdicts), which steps mend it, and in which order."""
