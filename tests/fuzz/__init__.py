"""Fuzzing the reader and the framing: mutated messages of our own, and what must hold of every one.

`make test` runs a bounded piece of it; `make fuzz` or `python -m tests.fuzz --seconds N` goes on as long as wanted.
"""
