"""What goes wrong on a real feed: late, twice, out of order, corrected, deleted; nothing here cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Final

from streams.demo.charting import ACTION_ROWS, ONE_MESSAGE, START_THEN_UPDATE, Charted, Stay
from streams.demo.hospital_time import later
from streams.demo.messages import Charting, administration, merge, pid
from streams.demo.people import ED, Patient
from streams.demo.wire import Draft, Sent, with_control_id

# How many out of a thousand visits meet each fault of charting.
START_AFTER_STOP: Final = 40
LATE_STOP: Final = 40
NO_STOP: Final = 60
CORRECTED_STOP: Final = 45
DELETED: Final = 25
IMPOSSIBLE_START: Final = 15
AFTER_DISCHARGE: Final = 35
REGISTERED_TWICE: Final = 8
# How many out of a thousand messages are sent twice, and how many a restarted counter numbers again.
SENT_TWICE: Final = 20
NUMBERED_AGAIN: Final = 4

IMPOSSIBLE: Final = ("20261332256190", "99999999999999", "2026-03-02 ab:cd", "20260230120000-0500")

Remedy = Callable[[Stay, Charted, Random], tuple[Draft, ...]]


def damage_drafts(stays: list[Stay], rng: Random) -> list[Draft]:
    """All drafts of the stays, some changed, dropped or joined by corrections; a dose meets one fault at most."""
    damaged: dict[str, tuple[Draft, ...]] = {}
    for remedy, count, wanted in (
        (_start_after_stop, START_AFTER_STOP, _is_two_step),
        (_late_stop, LATE_STOP, _is_two_step),
        (_no_stop, NO_STOP, _is_two_step),
        (_corrected_stop, CORRECTED_STOP, _is_corrected_in_place),
        (_deleted, DELETED, _is_corrected_in_place),
        (_impossible_start, IMPOSSIBLE_START, _is_one_infusion),
        (_after_discharge, AFTER_DISCHARGE, _is_last_of_stay),
    ):
        free = [
            (stay, charted)
            for stay in stays
            for charted in stay.charted
            if charted.dose.order not in damaged and wanted(stay, charted)
        ]
        for stay, charted in rng.sample(free, min(len(free), share(count, len(stays)))):
            damaged[charted.dose.order] = remedy(stay, charted, rng)
    return [draft for stay in stays for draft in _drafts(stay, damaged)]


def share(per_thousand: int, total: int) -> int:
    """`per_thousand` of `total`, and at least one."""
    return max(1, total * per_thousand // 1000)


def _drafts(stay: Stay, damaged: dict[str, tuple[Draft, ...]]) -> Iterator[Draft]:
    yield from stay.adts
    yield from stay.orders
    for charted in stay.charted:
        yield from damaged.get(charted.dose.order, charted.drafts)


def _is_two_step(stay: Stay, charted: Charted) -> bool:
    return charted.style == START_THEN_UPDATE and charted.dose.stop is not None and stay.discharged_at is not None


def _is_corrected_in_place(_stay: Stay, charted: Charted) -> bool:
    return charted.dose.drug.is_infused and charted.style != ACTION_ROWS and charted.dose.stop is not None


def _is_one_infusion(_stay: Stay, charted: Charted) -> bool:
    return charted.dose.drug.is_infused and charted.style == ONE_MESSAGE


def _is_last_of_stay(stay: Stay, charted: Charted) -> bool:
    return stay.discharged_at is not None and charted is stay.charted[-1] and charted.style != ACTION_ROWS


def _start_after_stop(_stay: Stay, charted: Charted, rng: Random) -> tuple[Draft, ...]:
    start, update = charted.drafts
    return update, replace(start, sent_at=later(update.sent_at, rng.randint(2, 12)), fault="start sent after its stop")


def _late_stop(stay: Stay, charted: Charted, rng: Random) -> tuple[Draft, ...]:
    """The stop is charted hours after the patient has gone home."""
    assert stay.discharged_at is not None
    charted_at = later(stay.discharged_at, rng.randint(60, 300))
    stop = Charting(charted_at, charted.dose.start, charted.dose.stop, "U")
    late = administration(stay.visit, charted.dose, stop, charted.place)
    return charted.drafts[0], replace(late, fault="stop after the discharge")


def _no_stop(_stay: Stay, charted: Charted, _rng: Random) -> tuple[Draft, ...]:
    return (replace(charted.drafts[0], fault="stop never sent"),)


def _corrected_stop(stay: Stay, charted: Charted, rng: Random) -> tuple[Draft, ...]:
    assert charted.dose.stop is not None
    stop = later(charted.dose.stop, rng.choice((-5, -1, 1, 5, 15, 30)))
    charted_at = later(charted.drafts[-1].written_at, rng.randint(15, 90))
    correction = administration(
        stay.visit, charted.dose, Charting(charted_at, charted.dose.start, stop, "U"), charted.place
    )
    return *charted.drafts, replace(correction, fault="stop corrected")


def _deleted(stay: Stay, charted: Charted, rng: Random) -> tuple[Draft, ...]:
    charted_at = later(charted.drafts[-1].written_at, rng.randint(5, 60))
    deletion = Charting(charted_at, charted.dose.start, charted.dose.stop, "D")
    return *charted.drafts, replace(
        administration(stay.visit, charted.dose, deletion, charted.place), fault="administration deleted"
    )


def _impossible_start(stay: Stay, charted: Charted, rng: Random) -> tuple[Draft, ...]:
    charted_at = charted.drafts[-1].written_at
    charting = Charting(charted_at, None, charted.dose.stop, start_text=rng.choice(IMPOSSIBLE))
    return (replace(administration(stay.visit, charted.dose, charting, charted.place), fault="impossible start time"),)


def _after_discharge(stay: Stay, charted: Charted, rng: Random) -> tuple[Draft, ...]:
    """The engine holds the last message of the visit back until the discharge has gone out."""
    assert stay.discharged_at is not None
    held = replace(
        charted.drafts[-1],
        sent_at=later(stay.discharged_at, rng.randint(2, 15)),
        fault="discharge sent before the last update",
    )
    return *charted.drafts[:-1], held


def merge_some(drafts: list[Draft], stays: list[Stay], rng: Random) -> list[Draft]:
    """The drafts, and a few emergency patients who came unknown: a temporary id first, merged (A40) when known."""
    wanted = [stay for stay in stays if stay.visit.department == ED and len(stay.charted) > 1]
    unknown = {
        stay.visit.number: stay for stay in rng.sample(wanted, min(len(wanted), share(REGISTERED_TWICE, len(stays))))
    }
    merged = [
        _as_unknown(draft, unknown[draft.encounter_id]) if draft.encounter_id in unknown else draft for draft in drafts
    ]
    return merged + [
        replace(merge(stay.visit, _temporary(stay), _known_at(stay), ED), fault="patient registered twice")
        for stay in unknown.values()
    ]


def _temporary(stay: Stay) -> Patient:
    number = int(stay.visit.number[1:])
    return replace(stay.visit.patient, patient_id=f"SYN8{number:06d}", family_name=f"SYNTHETIC-UNKNOWN-{number:04d}")


def _known_at(stay: Stay) -> datetime:
    return later(stay.charted[-1].dose.start, -1)


def _as_unknown(draft: Draft, stay: Stay) -> Draft:
    if draft.written_at >= _known_at(stay):
        return draft
    body = tuple(pid(_temporary(stay)) if part.startswith("PID|") else part for part in draft.body)
    return replace(draft, body=body)


def duplicate_some(sent: list[Sent], rng: Random) -> list[Sent]:
    """The messages, and some of them a second time: at once, as after a lost answer, or hours later."""
    sound = [message for message in sent if message.fate == "applied" and not message.fault]
    again = []
    for message in rng.sample(sound, min(len(sound), share(SENT_TWICE, len(sent)))):
        wait = rng.choice((0.1, 0.5, 1, 5)) if rng.random() < 0.5 else rng.randint(30, 600)
        again.append(replace(message, sent_at=later(message.sent_at, wait), fate="duplicate", fault="sent twice"))
    return sent + again


def restart_a_counter(sent: list[Sent]) -> list[Sent]:
    """The messages, the last of one charting system numbered like its first: same control ids, other content."""
    count = share(NUMBERED_AGAIN, len(sent))
    sound = [place for place, message in enumerate(sent) if message.control_id.startswith("MAR") and not message.fault]
    renumbered = list(sent)
    if len(sound) >= 2 * count:
        for place, first in zip(sound[-count:], sound, strict=False):
            message = with_control_id(sent[place], sent[first].control_id)
            renumbered[place] = replace(message, fault="control id used before")
    return renumbered


def spoil_some_names(sent: list[Sent], rng: Random) -> list[Sent]:
    """The messages, a few with a byte in PID-5 that no declared encoding has; the rest of each is as good as ever."""
    sound = [
        place
        for place, message in enumerate(sent)
        if message.fate == "applied" and not message.fault and message.kind.startswith("RAS")
    ]
    spoilt = list(sent)
    for place in rng.sample(sound, min(len(sound), share(1, len(sent)))):
        text = sent[place].text.replace(b"SYNTHETIC-", b"SYNTH\xc9TIC\xff-", 1)
        spoilt[place] = replace(sent[place], text=text, fault="bytes of no encoding")
    return spoilt
