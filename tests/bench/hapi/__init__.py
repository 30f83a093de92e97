"""HAPI, the Java reader, in a process of its own that reads messages when it is told to."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]
CACHE = CHECKOUT / ".cache/hapi"


def missing() -> str | None:
    """What HAPI cannot be run for; None when it can. Its jars are fetched and its program compiled on the way."""
    for tool in ("java", "javac", "mvn"):
        if not shutil.which(tool):
            return f"no {tool}"
    if subprocess.run([CHECKOUT / "deploy/fetch_jars.sh", "hapi", HERE / "pom.xml"], check=False).returncode:
        return "Maven could not fetch its jars"
    compiling = ["javac", "-cp", f"{CACHE}/libs/*", "-d", CACHE / "classes", HERE / "HapiReader.java"]
    return "javac failed" if subprocess.run(compiling, check=False).returncode else None


class Hapi:
    """One Java process with messages and the fields to take out of each. A context manager: it ends with it."""

    def __init__(self, messages: Sequence[bytes], places: Sequence[str], folder: Path) -> None:
        file = folder / "messages"
        file.write_bytes(b"".join(struct.pack(">i", len(each)) + each for each in messages))
        command = ["java", "-XX:+UseSerialGC", "-cp", f"{CACHE}/libs/*:{CACHE}/classes", "HapiReader", file, *places]
        self._java = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def values(self, start: int, stop: int) -> list[list[str]]:
        """The fields of each of these messages."""
        self._tell(f"values {start} {stop}")
        return [self._answer().split("\t") for _ in range(start, stop)]

    def seconds(self, start: int, stop: int) -> float:
        """Processor time of a message, on average over these: of the reading thread alone, not of collector and JIT."""
        self._tell(f"time {start} {stop}")
        return int(self._answer()) / 1e9

    def _tell(self, command: str) -> None:
        assert self._java.stdin
        self._java.stdin.write(command + "\n")
        self._java.stdin.flush()

    def _answer(self) -> str:
        assert self._java.stdout
        line = self._java.stdout.readline()
        assert line, "the Java process ended"
        return line.rstrip("\n")

    def __enter__(self) -> Hapi:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._java.stdin
        self._java.stdin.close()
        self._java.wait(timeout=30)
        assert self._java.stdout
        self._java.stdout.close()
