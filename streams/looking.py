"""Encounters that are still open, as they stand: what could not be billed is known while the patient is there. Pure.

An open encounter that had news and then none for `look_after` is looked at once: its snapshot goes to
`encounters.open`, which only the read model follows. No claim and no worklist finding comes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.close import NEVER, Patience
from streams.handing import nothing_open
from streams.identity import Who
from streams.occasions import Occasion, close_cause
from streams.partition import Partition
from streams.records import OpenEncounter, Said


def _open(occasions: Iterable[Occasion]) -> list[Occasion]:
    """Those to look at: of an encounter some of whose facts are gone the rest would tell a tale."""
    return [one for one in occasions if not one.standing.is_closed and not one.standing.past]


def schedule_look(partition: Partition, account: Who, occasions: Sequence[Occasion], patience: Patience) -> None:
    """Look at an account when it has been quiet for long enough, unless it was looked at as it is."""
    found = _open(occasions)
    if not found or patience.look_after == NEVER:
        partition.looks.put(account, NEVER)
        partition.looked.pop(account, None)
        return
    looked = partition.looked.get(account)
    is_known = looked is not None and looked == _facts(partition, account)
    due = max(one.standing.last_received for one in found) + patience.look_after
    partition.looks.put(account, NEVER if is_known else due)


def snapshots(
    partition: Partition, account: Who, occasions: Sequence[Occasion], patience: Patience, now: float
) -> list[OpenEncounter]:
    """What is open of an account, as it stands; what is due to close closes instead. `now`: seconds since 1970."""
    partition.looks.put(account, NEVER)
    found = _open(occasions)
    if not found or patience.look_after == NEVER:
        return []
    partition.looked[account] = _facts(partition, account)
    version = partition.version(account)
    # What was looked at whole, before it was known as a series, is shown by its dates.
    whole = [nothing_open(account, version, now)] if found[0].day else []
    return whole + [_snapshot(one, version, now) for one in found if not close_cause(one, patience, now)]


def taken_back(partition: Partition, account: Who, was: Sequence[Occasion], now: float) -> list[OpenEncounter]:
    """What takes the snapshots back of an account that nothing is called any more."""
    was_looked_at = partition.looked.pop(account, 0) > 0 or account in partition.looks
    partition.looks.put(account, NEVER)
    version = partition.version(account)
    return [nothing_open(one.who, version, now) for one in _open(was) if was_looked_at]


def _facts(partition: Partition, account: Who) -> int:
    return partition.standing(partition.members(account)).facts


def _snapshot(one: Occasion, version: int, now: float) -> OpenEncounter:
    closed = one.standing.closed
    return OpenEncounter(
        version=version,
        encounter=one.encounter(),
        at=now,
        after=closed[0] if closed else "",
        resolved=tuple(Said(*said) for _, *said in sorted(one.standing.resolved)),
        supplied=tuple(Said(*said) for _, *said in sorted(one.standing.supplied)),
    )
