"""Boluses out of a bag that runs: pushes, which need no stop. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.administrations import Draft, Row, drug_key, runs_of


def mark_boluses(drafts: Sequence[Draft]) -> None:
    """Make each bolus without a stop a push, where an infusion of its order and drug ran at that moment.

    Its minutes are the infusion's, however long it took; a bolus of its own order may be an infusion, as a fluid's is.
    """
    for bolus in drafts:
        if bolus.opening.is_bolus and not bolus.moments and bolus.stop is None and _runs_beside(bolus, drafts):
            last = bolus.rows[-1]
            event = msgspec.structs.replace(last.event, method="push")
            bolus.rows[-1] = Row(event, last.order, last.control_id, last.message)


def _runs_beside(bolus: Draft, drafts: Sequence[Draft]) -> bool:
    """Whether an infusion of the same order and drug is known to have run when the bolus was given."""
    at = bolus.start
    return at is not None and any(
        run.start is not None and run.stop is not None and run.start <= at <= run.stop
        for draft in drafts
        if draft is not bolus and not draft.is_voided and _told(draft) == _told(bolus)
        for run in runs_of(draft)
    )


def _told(draft: Draft) -> tuple[str, str, str]:
    opening = draft.opening
    return opening.placer, opening.filler, drug_key(opening)
