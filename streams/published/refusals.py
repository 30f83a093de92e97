"""What is wrong with a file: every refusal says the member, the line and what stands there."""

from __future__ import annotations

from dataclasses import dataclass, field

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that is wrong. `line` is None when it is the file as a whole."""

    member: str
    line: int | None
    text: str
    found: str | None = None

    def __str__(self) -> str:
        where = self.member if self.line is None else f"{self.member}: line {self.line}"
        found = "" if self.found is None else f', found "{self.found}"'
        return f"{where}: {self.text}{found}"


class Refused(Exception):
    """The files cannot be imported, and nothing of them was stored."""

    def __init__(self, refusals: list[Refusal], count: int | None = None) -> None:
        super().__init__("\n".join(str(refusal) for refusal in refusals[:SHOWN]))
        self.refusals = refusals
        self.count = len(refusals) if count is None else count


def refuse_file(member: str, text: str, found: str | None = None) -> Refused:
    """The error of a file as a whole, to be raised."""
    return Refused([Refusal(member, None, text, found)])


@dataclass(slots=True)
class Refusals:
    """The first refusals of an import, and how many there are."""

    first: list[Refusal] = field(default_factory=list)
    count: int = 0

    def add(self, refusal: Refusal) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(refusal)

    def raise_any(self) -> None:
        """Raise Refused when there is one."""
        if self.count:
            raise Refused(self.first, self.count)
