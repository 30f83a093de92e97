"""What an engineer on call must know at once, one sentence for each problem, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streams.read_model.board import Throughput, samples
from streams.web import show

_WAITING_MANY = 1000  # messages
_BEHIND_MANY = 1000  # records
_STANDS_SECONDS = 60.0
_DUE_SECONDS = 300.0
_CERTIFICATE_SECONDS = 14 * 86400.0
_ROLES = {
    "worker": "No worker reports: messages are stored, none is applied.",
    "listener": "No listener reports: senders cannot deliver over MLLP.",
    "projector": "No projector reports: the figures on these pages stand still (dripcode project).",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """`is_bad`: somebody must act now; else soon. `place` is the part of the front page that shows more."""

    is_bad: bool
    text: str
    place: str


def troubles_of(board: Throughput) -> list[Trouble]:
    """What is wrong now; nothing when all is well."""
    found = [*_losses(board), *_processes(board), *_delays(board), *_senders(board), *_dead(board)]
    return sorted(found, key=lambda trouble: not trouble.is_bad)


def _losses(board: Throughput) -> Iterator[Trouble]:
    if board.balance.difference:
        number = show.number(board.balance.difference)
        yield Trouble(True, f"The balance is open by {number}: messages are lost or counted twice.", "balance")


def _processes(board: Throughput) -> Iterator[Trouble]:
    for role, text in _ROLES.items():
        if not board.of_role(role):
            yield Trouble(True, text, "processes")
    for notice in board.processes:
        if notice.trouble:
            yield Trouble(True, f"{notice.role.capitalize()} {notice.process}: {notice.trouble}.", "processes")
    unowned = [row for row in board.partitions if not row.worker]
    if unowned and board.of_role("worker"):
        names, waiting = ", ".join(str(row.number) for row in unowned), sum(row.waiting for row in unowned)
        text = f"No worker owns partition {names}: {show.number(waiting)} messages wait there."
        yield Trouble(waiting > 0, text, "processes")
    if board.behind > _BEHIND_MANY:
        text = f"These figures are {show.number(board.behind)} records behind the topics; the projector catches up."
        yield Trouble(False, text, "processes")


def _delays(board: Throughput) -> Iterator[Trouble]:
    for labels, seconds in samples(board.processes, "dripcode_commit_age_seconds"):
        if seconds > _STANDS_SECONDS:
            yield Trouble(True, f"{labels['topic']} stands still: none done for {show.age(seconds)}.", "processes")
    if board.balance.waiting > _WAITING_MANY:
        yield Trouble(False, f"{show.number(board.balance.waiting)} messages wait to be applied.", "waiting")
    for _, seconds in samples(board.processes, "dripcode_closings_due_oldest_seconds"):
        if seconds > _DUE_SECONDS:
            yield Trouble(False, f"An encounter is due to close for {show.age(seconds)} and is not closed.", "stages")


def _senders(board: Throughput) -> Iterator[Trouble]:
    for row in board.sources:
        if row.is_silent:
            gap = show.age(row.usual_gap) if row.usual_gap >= 1 else "under a second"
            text = f"{show.sender(row.name)} is silent for {show.age(row.silence)}; usual at this hour is {gap}."
            yield Trouble(True, text, "sources")
    for _, ends in samples(board.processes, "dripcode_mllp_certificate_expires_seconds"):
        left = ends - board.at
        if ends and left < _CERTIFICATE_SECONDS:
            when = f"ends in {show.age(left)}" if left > 0 else "has ended"
            yield Trouble(left <= 0, f"The listener's TLS certificate {when}.", "processes")


def _dead(board: Throughput) -> Iterator[Trouble]:
    number = round(sum(board.dead_lately.values()))
    if number:
        many = f"{show.number(number)} messages" if number > 1 else "A message"
        reasons = ", ".join(show.words(reason) for reason in board.dead_lately)
        yield Trouble(False, f"{many} of the last hour could not be used ({reasons}).", "dead")
