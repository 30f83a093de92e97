"""What each page does: asks the read model, shows it, and writes down who saw a patient."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web
from aiokafka.errors import KafkaError

from streams import records
from streams.embedded.errors import StoreFailed
from streams.embedded.records import Record
from streams.identity import patient_key
from streams.read_model import views
from streams.read_model.shelf import ReadModelAway
from streams.read_model.shown import decode_json
from streams.records import Command
from streams.web import show
from streams.web.charts import chart, from_first
from streams.web.keys import APPENDER, AUDIT, PEOPLE, PULSE, SHELF, TOPICS, person_of
from streams.web.people import SESSION_SECONDS
from streams.web.pulse import Series
from streams.web.timeline import timeline_of
from streams.web.troubles import troubles_of

_ROWS = 50
_EXPORT_MOST = 100_000
COOKIE = "dripcode_session"

Handled = web.StreamResponse


async def throughput(request: web.Request) -> Handled:
    """The front page: what is wrong, rates, the balance, what waits and how long, sources, processes, dead letters."""
    pulse = request.app[PULSE]
    board = await pulse.board()
    by_minute: Series = {
        "received": [(at * 60.0, number) for at, number in board.received],
        "applied": [(at * 60.0, number) for at, number in board.applied],
        "claim lines": [(at * 60.0, number) for at, number in board.lines],
    }
    delays = {show.stage(name): points for name, points in pulse.delays().items()}
    charts = [
        chart("rates", "Messages a second", "/s", pulse.rates()),
        chart("waiting", "Waiting, by stage", "", pulse.waiting()),
        chart("delays", "Delay by stage: 99 % within", "ms", delays),
        chart("hour", "Messages and claim lines a minute, last hour", "/min", from_first(by_minute), seconds=False),
    ]
    troubles = troubles_of(board)
    return show.page(request, "throughput.html", board=board, charts=charts, stages=pulse.stages(), troubles=troubles)


async def health(request: web.Request) -> Handled:
    """For whatever restarts processes: whether there is something to show."""
    try:
        await request.app[SHELF].positions()
    except ReadModelAway:
        return web.json_response({"status": "read model away"}, status=503)
    return web.json_response({"status": "ok"})


async def queue(request: web.Request) -> Handled:
    """The work queue: open findings, what holds a line first."""
    _need_analyst(request)
    which, start = _which(request.query), _whole(request.query.get("start", "0"))
    found = await views.work_queue(request.app[SHELF], which, skip=start, limit=_ROWS)
    _audit(request, "looked at the work queue")
    return show.page(
        request, "queue.html", queue=found, which=which, start=start, rows=_ROWS, query=request.query, ages=WAITS
    )


# What the work queue can be narrowed to: findings that wait so many seconds or longer.
WAITS = {3600: "an hour", 4 * 3600: "4 hours", 86400: "a day", 7 * 86400: "a week"}


def _which(query: Mapping[str, str]) -> views.Which:
    chosen = {name: query.get(name, "") for name in ("kind", "severity", "order", "state")}
    unit = query.get("unit", "*")
    waits = float(_whole(query.get("waits", "0")))
    return views.Which(**chosen, unit=None if unit == "*" else unit, waits_seconds=waits)


async def find(request: web.Request) -> Handled:
    """The encounter that somebody names by its own id, or by that of a claim line or a finding."""
    _need_analyst(request)
    name = request.query.get("id", "").strip()
    known = await views.encounter_of(request.app[SHELF], name)
    raise web.HTTPSeeOther(f"/encounters/{quote(known or name)}" if name else "/queue")


async def encounter(request: web.Request) -> Handled:
    """One encounter: bars, lines, findings, versions."""
    _need_analyst(request)
    return await _encounter(request, request.match_info["encounter_id"])


async def _encounter(request: web.Request, encounter_id: str, problem: str = "") -> Handled:
    shown = await views.encounter_shown(request.app[SHELF], encounter_id)
    if shown is None:
        return show.page(request, "unknown.html", status=404, encounter_id=encounter_id)
    _audit(request, "looked", encounter_id)
    snapshot = decode_json(bytes(shown.snapshot))
    lines = list(shown.newest.standing.values()) if shown.newest else []
    would_be = shown.opened.lines if shown.opened else []
    waiting = [*shown.waiting, *(one for one in shown.provisional.values() if one["severity"] != "notice")]
    versions = []
    for before, after in zip([None, *shown.claim_sets], shown.claim_sets, strict=False):
        changed = views.difference(before.standing.values() if before else (), after.standing.values())
        versions.append((after, changed))
    without_stop = {
        identity
        for finding in waiting
        if "stop" in show.missing(finding["kind"])
        for identity in finding["administration_ids"]
    }
    return show.page(
        request,
        "encounter.html",
        status=400 if problem else 200,
        shown=shown,
        waiting=sorted(waiting, key=lambda one: (one["severity"], one["opened_at"])),
        others=[
            one
            for one in (*shown.findings.values(), *shown.provisional.values())
            if one["resolved_at"] or one["severity"] == "notice"
        ],
        encounter=snapshot,
        timeline=timeline_of(snapshot, would_be or lines, without_stop) if snapshot else None,
        lines=sorted(lines, key=lambda line: line["line_number"]),
        would_be=would_be,
        versions=versions[::-1],
        problem=problem,
        said=request.query.get("said", ""),
        said_at=_whole(request.query.get("version", "0")),
    )


async def document(request: web.Request) -> Handled:
    """A person supplies a stop, or says what became of a finding: a command, and a line in the audit."""
    _need_analyst(request)
    encounter_id = request.match_info["encounter_id"]
    form = {name: str(value).strip() for name, value in (await request.post()).items()}
    shown = await views.encounter_shown(request.app[SHELF], encounter_id)
    if shown is None:
        return show.page(request, "unknown.html", status=404, encounter_id=encounter_id)
    snapshot = decode_json(bytes(shown.snapshot)) or {}
    who = person_of(request).name or form.get("who", "")
    stop, problem = _stop(form, snapshot)
    if not (who and form.get("why")):
        problem = "Say who you are and why: both are kept with the record."
    if problem:
        return await _encounter(request, encounter_id, problem)
    patient = patient_key(snapshot.get("patient_id_authority", ""), snapshot.get("patient_id", ""))
    command = Command(
        "document",
        patient,
        encounter_id,
        at=time.time(),
        who=who,
        why=form["why"],
        administration_id=form.get("administration_id", ""),
        stop=stop,
        finding_id=form.get("finding_id", ""),
    )
    record = Record(request.app[TOPICS].commands, patient.encode(), records.encode(command))
    if not await _is_stored(request, record):
        return await _encounter(
            request, encounter_id, "The broker does not take it now. Nothing is changed: try again."
        )
    did = "documented a stop" if stop else "resolved a finding"
    request.app[AUDIT].note(who, did, encounter_id, why=form["why"], finding_id=form.get("finding_id", ""))
    raise web.HTTPSeeOther(
        request.rel_url.with_query(said="stop" if stop else "resolved", version=str(shown.newest_version))
    )


async def _is_stored(request: web.Request, record: Record) -> bool:
    try:
        (answer,) = await request.app[APPENDER].append([record])
    except (StoreFailed, KafkaError):
        return False
    return not isinstance(answer, Exception)


def _stop(form: Mapping[str, str], encounter: Mapping[str, Any]) -> tuple[datetime | None, str]:
    """The stop as an aware time, in the offset of that administration's start; else what is wrong with it."""
    if not form.get("administration_id"):
        return None, "" if form.get("finding_id") else "Nothing was filled in."
    given = {each["administration_id"]: each for each in encounter.get("administrations", ())}
    administration = given.get(form["administration_id"])
    starts = [run["start"] for run in administration["runs"] if run["start"]] if administration else []
    if not starts:
        return None, "There is no administration with a start by that name any more: look again."
    start = datetime.fromisoformat(starts[-1])
    try:
        stop = datetime.fromisoformat(form.get("stop", "")).replace(tzinfo=start.tzinfo)
    except ValueError:
        return None, "Give the stop as a date and a time."
    return (stop, "") if stop > start else (None, "The stop must be later than the start.")


async def lines(request: web.Request) -> Handled:
    """Claim lines that stand, by code and days of service."""
    _need_analyst(request)
    which, start = _lines_of(request.query), _whole(request.query.get("start", "0"))
    shelf = request.app[SHELF]
    found, total = await views.claim_lines(shelf, which, skip=start, limit=_ROWS)
    sums = await views.units_by_status(shelf, which) if total <= views.ADDED_UP_MOST else {}
    asked = {name: request.query[name] for name in ("code", "from", "to") if request.query.get(name)}
    _audit(request, "looked at claim lines")
    shown: dict[str, Any] = {"lines": found, "total": total, "sums": sums, "code": which.code}
    return show.page(request, "lines.html", **shown, query=request.query, asked=asked, start=start, rows=_ROWS)


def _lines_of(query: Mapping[str, str]) -> views.LinesOf:
    return views.LinesOf(query.get("code", "").strip().upper(), _days(query))


_COLUMNS = (
    "encounter_id", "patient_id", "service_date", "code", "modifiers", "units", "status", "service_family", "role",
    "minutes", "access_site", "claim_line_id", "claim_set_id", "claim_set_version", "rules_version", "policy",
    "coded_at",
)  # fmt: skip


async def export(request: web.Request) -> Handled:
    """The same lines as CSV, all of them."""
    _need_analyst(request)
    found, _ = await views.claim_lines(request.app[SHELF], _lines_of(request.query), limit=_EXPORT_MOST)
    chosen = {name: value for name, value in request.query.items() if name in ("code", "from", "to")}
    request.app[AUDIT].note(person_of(request).name, "exported claim lines", lines=str(len(found)), **chosen)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for line in found:
        row = {**line, "modifiers": " ".join(line["modifiers"])}
        writer.writerow([_safe(row[name]) for name in _COLUMNS])
    named = {"Content-Disposition": 'attachment; filename="claim-lines.csv"'}
    return web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8", headers=named)


def _safe(value: object) -> object:
    """Spreadsheets run a cell that begins as a formula; ids come from other people's systems."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _days(query: Mapping[str, str]) -> tuple[date, date] | None:
    """First and last day of service asked for; without an end, all the way."""
    first, last = (_day(query.get(name, "")) for name in ("from", "to"))
    if first is None and last is None:
        return None
    return first or date.min, last or date.max


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _whole(text: str) -> int:
    return int(text) if text.isdigit() else 0


# -- signing in --------------------------------------------------------------------------------------------------


async def sign_in_page(request: web.Request) -> Handled:
    return show.page(request, "sign_in.html", problem="")


async def sign_in(request: web.Request) -> Handled:
    people = request.app[PEOPLE]
    if people is None:
        raise web.HTTPSeeOther("/")
    form = await request.post()
    name = str(form.get("name", ""))
    token = await asyncio.to_thread(people.sign_in, name, str(form.get("password", "")))
    request.app[AUDIT].note(name, "signed in" if token else "was refused")
    if not token:
        return show.page(request, "sign_in.html", status=403, problem="Name and password do not fit.")
    answer = web.HTTPSeeOther("/")
    answer.set_cookie(
        COOKIE, token, max_age=int(SESSION_SECONDS), httponly=True, samesite="Strict", secure=request.secure
    )
    raise answer


async def sign_out(request: web.Request) -> Handled:
    people = request.app[PEOPLE]
    if people is not None:
        request.app[AUDIT].note(person_of(request).name, "signed out")
        people.sign_out(request.cookies.get(COOKIE, ""))
    answer = web.HTTPSeeOther("/sign-in")
    answer.del_cookie(COOKIE)
    raise answer


def _audit(request: web.Request, did: str, encounter_id: str = "") -> None:
    """Who looks at patients; a page that stands open and is renewed is one look."""
    name = person_of(request).name
    request.app[AUDIT].look(name, did, encounter_id, is_renewal=show.is_part(request))


def _need_analyst(request: web.Request) -> None:
    if not person_of(request).may_see_patients:
        request.app[AUDIT].note(person_of(request).name, "was kept from", page=request.path)
        raise web.HTTPForbidden(text="Your role shows figures, not patients. Ask for the role 'analyst'.")
