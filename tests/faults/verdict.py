"""What a disturbed run got wrong, by comparison with the same messages folded and coded in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from streams.records import Tally
from tests.streams.play import Outcome


@dataclass(frozen=True)
class Verdict:
    """Every number is 0 in a right run."""

    lost: int  # lines the oracle has and the run has not, and messages that were sent and are not on the topic
    doubled: int  # lines that stand twice
    different: int  # lines with the oracle's id and other content, or of no such id; open findings that differ
    uncounted: int  # messages on the topic that the balance (applied, duplicate, dead, ignored) tells otherwise

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.doubled or self.different or self.uncounted)


def judge(outcome: Outcome, expected: Outcome, sent: Sequence[bytes], stored: Sequence[bytes]) -> Verdict:
    """`expected` is the oracle's, of all that is stored: a message whose answer came late is there twice."""
    made = [line["claim_line_id"] for lines in outcome.lines.values() for line in lines]
    meant = {line["claim_line_id"] for lines in expected.lines.values() for line in lines}
    others = {
        encounter
        for encounter in outcome.lines.keys() & expected.lines.keys()
        if outcome.lines[encounter] != expected.lines[encounter]
    }
    return Verdict(
        lost=len(meant - set(made)) + sum((Counter(sent) - Counter(stored)).values()),
        doubled=len(made) - len(set(made)),
        different=len(others | (outcome.lines.keys() - expected.lines.keys()))
        + len(outcome.findings ^ expected.findings),
        uncounted=sum(abs(fate - meant) for fate, meant in zip(_fates(outcome), _fates(expected), strict=True)),
    )


def _fates(outcome: Outcome) -> tuple[int, ...]:
    balance: Tally = outcome.balance
    return balance.applied, balance.duplicate, sum(balance.dead.values()), sum(balance.ignored.values())
