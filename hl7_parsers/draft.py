"""What is gathered for one event before it is made: values, where each stands, and what could not be read."""

from __future__ import annotations

from typing import Any

import msgspec

from hl7_parsers.events import Remark


class Draft(msgspec.Struct, gc=False):
    """The values of an event in the making, by the event's field names."""

    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    remarks: list[Remark] = []

    def put(self, name: str, value: object, place: str) -> None:
        """Take a value."""
        self.values[name] = value
        self.places[name] = place

    def doubt(self, remark: str, place: str) -> None:
        """Take note of something that could not be read as meant."""
        self.remarks.append(Remark(remark, place))

    def take(self, said: Draft) -> None:
        """Take all of another draft, which stays as it is."""
        self.values.update(said.values)
        self.places.update(said.places)
        if said.remarks:
            self.remarks.extend(said.remarks)

    def keep(self, names: set[str]) -> None:
        """Forget the values of every other name."""
        for name in self.values.keys() - names:
            del self.values[name], self.places[name]

    def copy(self) -> Draft:
        """Another draft with the same so far."""
        return Draft(dict(self.values), dict(self.places), list(self.remarks))
