"""The schema of AsyncAPI 3 documents, as its makers publish it; `make servers` brings it."""

from pathlib import Path

ASYNCAPI = Path(__file__).parents[2] / ".cache/asyncapi/3.0.0.json"
