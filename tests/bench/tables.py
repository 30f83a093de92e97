"""What a benchmark hands back: tables of figures, each figure with its spread over the rounds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over several rounds: the least, the median and the greatest."""

    least: float
    median: float
    greatest: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Spread:
        """At least one figure."""
        ordered = sorted(figures)
        return cls(ordered[0], statistics.median(ordered), ordered[-1])

    def __str__(self) -> str:
        return f"{plain(self.median)} ({plain(self.least)} - {plain(self.greatest)})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours by theirs, round by round: a busy machine moves both sides of a round."""
    return Spread.of(one / other for one, other in zip(ours, theirs, strict=True))


def plain(figure: float) -> str:
    """Three significant digits, thousands marked."""
    size = abs(figure)
    if size >= 100:
        return f"{figure:,.0f}"
    if size >= 10:
        return f"{figure:.1f}"
    return f"{figure:.2f}" if size >= 1 or figure == 0 else f"{figure:#.3g}"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title. `about` says in sentences what was measured and how."""

    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def cells(self) -> list[list[str]]:
        """Everything as text, the columns' names first."""
        shown = [[plain(cell) if isinstance(cell, float) else str(cell) for cell in row] for row in self.rows]
        return [list(self.columns), *shown]

    def text(self) -> str:
        """For a terminal: the first column to the left, the others to the right."""
        cells = self.cells()
        widths = [max(len(row[n]) for row in cells) for n in range(len(self.columns))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in cells
        ]
        rule = "-" * len(lines[0])
        return "\n".join([self.title, rule, lines[0], rule, *lines[1:], "", self.about, ""])

    def markdown(self) -> str:
        """A section of a Markdown document."""
        head, *rows = (f"| {' | '.join(row)} |" for row in self.cells())
        rule = f"| --- |{' ---: |' * (len(self.columns) - 1)}"
        return "\n".join([f"## {self.title}", "", self.about, "", head, rule, *rows, ""])
