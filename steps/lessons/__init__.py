"""What each step teaches, a module a step: the texts that would bury the steps' code."""
