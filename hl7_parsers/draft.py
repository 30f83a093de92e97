"""What is gathered for one event before it is made: values, where each stands, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hl7_parsers.events import Remark


@dataclass(slots=True)
class Draft:
    """The values of an event in the making, by the event's field names."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def put(self, name: str, value: object, place: str) -> None:
        """Take a value."""
        self.values[name] = value
        self.places[name] = place

    def doubt(self, remark: str, place: str) -> None:
        """Take note of something that could not be read as meant."""
        self.remarks.append(Remark(remark, place))

    def keep(self, names: set[str]) -> None:
        """Forget the values of every other name."""
        for name in self.values.keys() - names:
            del self.values[name], self.places[name]

    def copy(self) -> Draft:
        """Another draft with the same so far."""
        return Draft(dict(self.values), dict(self.places), list(self.remarks))
