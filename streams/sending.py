"""What is sent on to be coded: encounters that are closed, as they stand, with those they share a date with. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import coding
from streams import records
from streams.assemble import Site
from streams.close import NEVER, Patience
from streams.embedded.records import Record
from streams.handing import Mail, follows, void_of
from streams.identity import Who
from streams.looking import schedule_look, snapshots
from streams.occasions import Occasion, occasions_of
from streams.partition import Partition
from streams.records import ClosedEncounter, Said
from streams.same_day import together

# Two encounters further apart than this share no date, wherever they are.
_APART = 2 * 86400.0


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed occasion and its content."""

    occasion: Occasion
    encounter: coding.Encounter


@dataclass(slots=True)
class Sender:
    """Sends the closed encounters of accounts on, each when it changed."""

    mail: Mail
    site: Site
    patience: Patience
    sent: dict[Who, bytes] = field(default_factory=dict)  # of dates of series accounts: what was sent last

    def settle(self, number: int, partition: Partition, accounts: Iterable[Who], now: float) -> list[Record]:
        """After a batch: what is closed of a patient's accounts is sent on; what is open is looked at when due."""
        out: list[Record] = []
        touched: list[Occasion] = []
        for account in accounts:
            partition.goes_out(account)
            occasions = occasions_of(partition, account, self.site)
            self.schedule(partition, account, occasions)
            touched += [one for one in occasions if not one.standing.is_bare]
            out += self._whole_series(number, partition, account, occasions)
        return out + self._send(number, partition, touched, now)

    def schedule(self, partition: Partition, account: Who, occasions: Sequence[Occasion]) -> None:
        """Look at an account when it is due to close, when its facts are past their age, when it has been quiet."""
        due = min((one.standing.due(self.patience)[0] for one in occasions), default=NEVER)
        partition.due.put(account, due)
        partition.aging.put(account, self.forget_at(occasions))
        schedule_look(partition, account, occasions, self.patience)

    def look(self, number: int, partition: Partition, account: Who, now: float) -> list[Record]:
        """The snapshots of what is open of an account."""
        occasions = occasions_of(partition, account, self.site)
        return [self.mail.opened(number, one) for one in snapshots(partition, account, occasions, self.patience, now)]

    def forget_at(self, occasions: Sequence[Occasion]) -> float:
        """When an account's facts are past their age, in seconds since 1970."""
        if any(one.day for one in occasions):
            return NEVER
        return max((one.standing.forget_at(self.patience) for one in occasions), default=NEVER)

    def _whole_series(
        self, number: int, partition: Partition, account: Who, occasions: Sequence[Occasion]
    ) -> list[Record]:
        """An account that was issued whole before it was known as a series is void as such."""
        if not any(one.day for one in occasions):
            return []
        standing = partition.standing(partition.members(account))
        if standing.closed and not standing.past:
            return [self.mail.closed(number, void_of(account, partition.version(account)))]
        return []

    def _send(self, number: int, partition: Partition, touched: Sequence[Occasion], now: float) -> list[Record]:
        """Send on what is closed of these, and of what is or was beside them.

        Which dates an encounter had before is not known any more, only how far they reached.
        """
        ever_closed = [one for one in touched if one.standing.closed is not None]
        if not ever_closed:
            return []
        others = self._near(partition, touched, ever_closed)
        closed = [Closed(one, one.encounter()) for one in (*touched, *others) if one.standing.is_closed]
        closed.sort(key=lambda one: one.occasion.who)
        of = {id(one.encounter): one for one in closed}
        return [
            self.mail.closed(number, self._closed(partition, of[id(encounter)], group, now))
            for group in together([one.encounter for one in closed])
            for encounter in group
            if self._is_news(partition, of[id(encounter)], group)
        ]

    def _is_news(self, partition: Partition, one: Closed, group: Sequence[coding.Encounter]) -> bool:
        """Whether a date of a series was not sent as it is now. Any other encounter is sent: what issues it looks."""
        if not one.occasion.day:
            return True
        standing = one.occasion.standing
        handed = partition.handed(one.occasion.who.patient)
        content = one.encounter, group, handed, standing.recoded, sorted(standing.resolved)
        digest = hashlib.blake2b(records.encode(content), digest_size=12).digest()
        is_news = self.sent.get(one.occasion.who) != digest
        self.sent[one.occasion.who] = digest
        return is_news

    def _near(
        self, partition: Partition, touched: Sequence[Occasion], ever_closed: Sequence[Occasion]
    ) -> list[Occasion]:
        """The patient's other encounters that may share a date with one of these, or with one that may with it."""
        patient = touched[0].account.patient
        accounts = {one.account for one in touched}
        homes = dict.fromkeys(partition.merges.resolve(who) for who in partition.family(patient))
        others = [account for account in homes if account not in accounts and account.patient == patient]
        left = [one for one in others if not partition.standing(partition.members(one)).is_bare]
        spans = [one.standing.given for one in ever_closed]
        found: list[Occasion] = []
        while near := [one for one in left if _is_near(partition.standing(partition.members(one)).given, spans)]:
            left = [account for account in left if account not in near]
            occasions = [one for account in near for one in occasions_of(partition, account, self.site)]
            spans += [one.standing.given for one in occasions]
            found += occasions
        return found

    def _closed(
        self, partition: Partition, one: Closed, group: Sequence[coding.Encounter], now: float
    ) -> ClosedEncounter:
        occasion = one.occasion
        return ClosedEncounter(
            version=partition.version(occasion.account),
            cause=occasion.standing.closed[1] if occasion.standing.closed else "",
            encounter=one.encounter,
            is_past=occasion.standing.is_past(self.patience, now),
            follows=follows(partition, occasion.account, occasion.who),
            beside=tuple(other for other in group if other is not one.encounter),
            resolved=tuple(Said(*said) for _, *said in sorted(occasion.standing.resolved)),
            supplied=tuple(Said(*said) for _, *said in sorted(occasion.standing.supplied)),
        )


def _is_near(one: tuple[float, float], spans: Iterable[tuple[float, float]]) -> bool:
    return any(one[0] < other[1] + _APART and other[0] < one[1] + _APART for other in spans)
