"""The settings, what follows from them, and the checks that stop a start."""
