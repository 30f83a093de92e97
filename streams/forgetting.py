"""Facts past their age: deleted by tombstones, and what is left in their place. Pure.

What is left names the facts and says that the encounter is closed, and since when. So a message that comes again is
a duplicate, and late news is a finding, not an encounter that would be billed from that alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams import records
from streams.close import NEVER
from streams.embedded.records import Record
from streams.identity import Who
from streams.occasions import occasions_of
from streams.partition import Partition
from streams.records import Command
from streams.sending import Sender


def forget(sender: Sender, number: int, partition: Partition, named: Who, now: float) -> Iterator[Record]:
    """Delete the facts of an encounter when they are past their age, here and where they were handed on from.

    Nothing when it was opened again. Not modelled: an account of many dates of service keeps its facts.
    """
    mail = sender.mail
    account = partition.merges.resolve(named)
    members = partition.members(account)
    if mail.is_owner(number, account.patient):
        occasions = occasions_of(partition, account, sender.site)
        sender.schedule(partition, account, occasions)
        if sender.forget_at(occasions) > now:
            return
        partition.aging.put(account, NEVER)
        for who in members:
            if not mail.is_owner(number, who.patient):
                yield mail.to_owner(Command("forget", *who, at=now))
    else:
        members = [who for who in members if who == named]  # a copy, whose owner has let go of it
    for who in members:
        standing = partition.encounters[who].standing
        if standing.messages > standing.past:
            fact_id, value, gone = partition.encounters[who].forget()
            for each, left in ((fact_id, value), *((fact_id, None) for fact_id in gone)):
                key = records.encounter_key(*who) + records.SEPARATOR + each
                yield Record(mail.topics.facts_changelog, key, left, partition=number)
