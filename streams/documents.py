"""What people document afterwards, laid over what the messages say. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

import coding
from streams.records import DocumentFact

BY_A_PERSON = "person"
UNPLACED = "DOCUMENT_WITHOUT_TARGET"


def documented(
    administrations: tuple[coding.Administration, ...], documents: Sequence[DocumentFact]
) -> tuple[tuple[coding.Administration, ...], set[str]]:
    """The administrations with the stops that people supplied, the last word on each; remarks about the rest.

    A person fills a gap: a stop that is charted stands, and what was supplied for it is told as unplaced.
    """
    stops = {document.administration_id: document.stop for document in documents if document.stop is not None}
    if not stops:
        return administrations, set()
    filled = []
    for one in administrations:
        last = one.runs[-1]
        stop = stops.get(one.administration_id)
        if stop is not None and last.start is not None and last.stop is None:
            del stops[one.administration_id]
            runs = (*one.runs[:-1], coding.Run(last.start, stop))
            filled.append(replace(one, runs=runs, stop_source=BY_A_PERSON))
        else:
            filled.append(one)
    return tuple(filled), {UNPLACED} if stops else set()
