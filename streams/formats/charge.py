"""What every format is made from: the charges of one encounter, taken back and made. Pure."""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from typing import Any

import msgspec

from coding.drug_units import is_unclassified

Line = dict[str, Any]  # a claim line by the names of the published contract

_TRANSACTION_LETTERS = 12  # FT1-2 holds no more


class Charge(msgspec.Struct, frozen=True):
    """A claim line as a charge. Its `transaction_id` is the same wherever and whenever it is delivered.

    The reversal of a charge has the id of the charge.
    """

    transaction_id: str
    line: Line


def unclassified_drug(line: Line) -> str:
    """Name and dose of a drug whose code is one for drugs without their own: a payer wants them told; else ""."""
    if "hcpcs" not in line or not is_unclassified(line["code"], date.fromisoformat(line["service_date"])):
        return ""
    return f"{line['drug']['name'] or line['drug']['code']} {line['dose']['amount']} {line['dose']['unit']}".strip()


class News(msgspec.Struct, frozen=True):
    """What a destination must learn of one encounter: charges taken back, charges made, and all that stand now.

    `key` is authority, patient and encounter. `was_told`: charges of this encounter stood there before.
    """

    key: str
    version: int  # of the claim set that says so
    reversed: list[Charge]  # as they were delivered
    made: list[Charge]
    standing: list[Charge]
    was_told: bool

    @property
    def line(self) -> Line:
        """Any line: what they have in common is of the encounter."""
        return (self.made or self.reversed)[0].line

    @property
    def id(self) -> str:
        """Names this piece of news: the same whenever it is told."""
        said = [*(f"-{one.transaction_id}" for one in self.reversed), *(f"+{one.transaction_id}" for one in self.made)]
        return short_id(self.key, str(self.version), *said)


def short_id(*parts: str) -> str:
    """Twelve letters and digits that stand for these texts: 60 bits of their digest."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return base64.b32encode(digest).decode()[:_TRANSACTION_LETTERS]


class Document(msgspec.Struct, frozen=True):
    """Something that is delivered whole: a file's name and content, or a message's control id and text.

    A document of an encounter (`key`) waits for those of the same encounter before it.
    """

    name: str
    content: bytes
    key: str = ""
