"""What a command asks of an encounter: close, reopen, recode, document. It becomes facts, or a reason. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from streams import records
from streams.assemble import Site
from streams.close import Patience, Standing
from streams.identity import Who
from streams.occasions import Occasion, close_cause, occasions_of
from streams.partition import Partition
from streams.records import CloseFact, Command, DocumentFact, Fact, WordFact
from streams.series import day_id, split_day

Asked = list[tuple[bytes, Fact]]  # facts by their ids


@dataclass(frozen=True, slots=True)
class Case:
    """A command and the encounters of this partition that it is about: one, or the dates of a series account."""

    command: Command
    raw: bytes
    at: float  # when it was given, seconds since 1970
    now: float
    partition: Partition
    patience: Patience
    account: Who  # what the encounter that it names is called now
    occasions: Sequence[Occasion]


def account_of(partition: Partition, command: Command) -> tuple[Who, str]:
    """What the encounter of a command is called now, and the date of a series account that its number names, if any."""
    home = partition.merges.resolve(Who(command.patient, command.encounter_id))
    if partition.members(home):
        return home, ""
    account, day = split_day(command.encounter_id)
    return partition.merges.resolve(Who(command.patient, account)), day


def occasions_named(partition: Partition, account: Who, day: str, site: Site) -> list[Occasion]:
    """The encounters that a command is about; empty when there are none."""
    return [one for one in occasions_of(partition, account, site) if day in ("", one.day)]


def named(account: Who, day: str) -> str:
    """The encounter id of an account, or of one of its dates."""
    return day_id(account.encounter_id, day) if day else account.encounter_id


def obey(case: Case) -> Asked | str:
    """The facts that a command makes, none when it was done before; a text is the reason why it cannot be done."""
    answer = _ANSWERS.get(case.command.command)
    if answer is None:
        return "UNKNOWN_COMMAND"
    if not case.occasions:
        return "UNKNOWN_ENCOUNTER"
    is_past = any(one.standing.past for one in case.occasions)
    return "ENCOUNTER_PAST" if is_past and answer is not _close else answer(case)


def _close(case: Case) -> Asked:
    """A person's word is enough; a timer's is looked at again: news may have come since it was sent."""
    asked: Asked = []
    for one in case.occasions:
        if one.standing.is_closed:
            continue
        cause = "command" if case.command.cause == "command" else close_cause(one, case.patience, case.now)
        if cause:
            rests_on = one.standing.rests_on
            said = case.command.who, case.command.why
            fact = CloseFact(records.LAYOUT, case.at, cause, rests_on, one.day, *said)
            asked.append((records.close_fact_id(cause, rests_on, one.day), fact))
        else:
            _look_again(case, one.standing)
    return asked


def _look_again(case: Case, standing: Standing) -> None:
    """Later; news that comes before then sets its own time."""
    patience = case.patience
    age = max(standing.first_received, standing.reopened_at) + patience.at_age
    due = max(min(age, case.now + patience.after_quiet), standing.due(patience)[0])
    case.partition.due.put(case.account, due)


def _word(case: Case) -> Asked | str:
    """Opened again, or coded again by the rules and the policy of now."""
    command = case.command
    closed = [one for one in case.occasions if one.standing.is_closed]
    if not (command.who and command.why):
        return "WHO_AND_WHY_MISSING"
    if not closed:
        return "ENCOUNTER_NOT_CLOSED"
    return [
        (
            records.command_fact_id(case.raw, one.day),
            WordFact(
                records.LAYOUT,
                case.at,
                command.command,
                _after(one.standing, case.at),
                command.who,
                command.why,
                one.day,
            ),
        )
        for one in closed
    ]


def _after(standing: Standing, at: float) -> str:
    """A key of news that is newer than the newest close."""
    closed = standing.closed[0] if standing.closed else ""
    return max(f"{closed}~", f"{at:017.3f}|~") if closed else f"{at:017.3f}|~"


def _document(case: Case) -> Asked | str:
    """A stop, or what became of a finding."""
    command = case.command
    if not (command.who and command.why):
        return "WHO_AND_WHY_MISSING"
    if bool(command.finding_id) == bool(command.administration_id and command.stop):
        return "NOTHING_DOCUMENTED"  # a finding or a stop, not both
    if len(case.occasions) != 1:
        return "WHICH_DATE_OF_THE_SERIES"
    one = case.occasions[0]
    problem = _stop_problem(one, command)
    if problem:
        return problem
    said = command.who, command.why, command.administration_id, command.stop, command.finding_id, one.day
    return [(records.command_fact_id(case.raw), DocumentFact(records.LAYOUT, case.at, *said))]


def _stop_problem(one: Occasion, command: Command) -> str:
    """Why a stop cannot be taken; "" when it can, or when there is none."""
    if command.stop is None:
        return ""
    given = {each.administration_id: each for each in one.encounter().administrations}
    administration = given.get(command.administration_id)
    if administration is None:
        return "UNKNOWN_ADMINISTRATION"
    if command.stop.tzinfo is None:
        return "STOP_WITHOUT_ZONE"
    last = administration.runs[-1]
    if last.start is None:
        return "NO_START"
    if last.start >= command.stop:
        return "STOP_BEFORE_START"
    return "STOP_IS_CHARTED" if last.stop is not None and administration.stop_source != "person" else ""


_ANSWERS: Mapping[str, Callable[[Case], Asked | str]] = {
    "close": _close,
    "reopen": _word,
    "recode": _word,
    "document": _document,
}
