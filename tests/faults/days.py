"""A synthetic hospital's day, made worse: messages sent again, and messages that others overtake."""

from __future__ import annotations

from collections import Counter
from random import Random

from streams.demo.hospital_day import hospital_day

# Every day of the suite has each of these; hospital_day makes them, save the last two.
KINDS = (
    "patient registered twice",
    "stop corrected",
    "administration deleted",
    "sent twice",
    "start sent after its stop",
    "discharge sent before the last update",
    "stop after the discharge",
    "stop never sent",
    "impossible start time",
    "control id used before",
    "bytes of no encoding",
    "not HL7",
    "cut in the header",
    "for another system",
    "sent again",
    "overtaken",
)
_SENT_AGAIN = 0.03
_OVERTAKEN = 0.05
_FURTHEST = 25  # places that a message comes too late


def worse_day(seed: int, encounters: int) -> tuple[list[bytes], Counter[str]]:
    """The messages in the order they are sent, and how many there are of each kind of trouble."""
    day = hospital_day(seed, encounters)
    chance = Random(f"{seed} worse")
    troubles = Counter(message.fault for message in day if message.fault)
    places = [(float(place), message.text) for place, message in enumerate(day)]
    for place in chance.sample(range(len(day)), int(len(day) * _OVERTAKEN)):
        places[place] = (place + chance.uniform(2, _FURTHEST), day[place].text)
        troubles["overtaken"] += 1
    for place in chance.sample(range(len(day)), int(len(day) * _SENT_AGAIN)):
        places.append((chance.uniform(place, len(day)), day[place].text))
        troubles["sent again"] += 1
    return [text for _, text in sorted(places)], troubles
