"""Measurements of this machine's run: each compares things with each other within one run, none is a bar to pass."""
