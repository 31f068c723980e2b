"""A workspace: its paths, how a stage runs in it, and what a result follows from."""
