"""The pages' server: routes, who may come in, and the headers that keep a browser strict."""

from __future__ import annotations

import ipaddress
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
from aiohttp import web

from streams.append_queue import Appender
from streams.read_model.shelf import ReadModelAway, Shelf
from streams.settings import Settings, SettingsError, cannot_listen, split_address
from streams.topics import topics_of
from streams.web import show
from streams.web.audit import Audit
from streams.web.keys import APPENDER, AUDIT, PEOPLE, PERSON, PULSE, SHELF, TEMPLATES, TOPICS
from streams.web.metrics import WebMetrics
from streams.web.pages import (
    COOKIE,
    document,
    encounter,
    export,
    find,
    health,
    lines,
    queue,
    sign_in,
    sign_in_page,
    sign_out,
    throughput,
)
from streams.web.people import LOCAL, People
from streams.web.pulse import Pulse

log = logging.getLogger("dripcode.web")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with none at all a browser names no origin of a form either
    "Cache-Control": "no-store",  # pages show patients
}
_OPEN_PATHS = ("/sign-in", "/static/", "/healthz")


async def serve_pages(settings: Settings, shelf: Shelf, appender: Appender, metrics: WebMetrics) -> web.AppRunner:
    """Serve on `web_listen` until `cleanup()`. Raises SettingsError."""
    host, port = split_address(settings.web_listen, "web_listen")
    people = _people(settings, host)
    app = make_pages(settings, shelf, appender, people)
    app.middlewares.insert(0, metrics.middleware())
    if people is not None and not settings.web_tls_certificate and not is_loopback(host):
        log.warning("pages without TLS on %s: passwords and patients cross the network in the clear", host)
    runner = web.AppRunner(app, access_log=None)  # paths name encounters
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=_tls(settings)).start()
    except OSError as wrong:
        await runner.cleanup()
        raise cannot_listen("web_listen", settings.web_listen, wrong) from None
    return runner


def make_pages(settings: Settings, shelf: Shelf, appender: Appender, people: People | None) -> web.Application:
    """The application; `people` None lets whoever sits at this machine in."""
    app = web.Application(middlewares=[_strict, _own, _guarded, _away])
    app[SHELF], app[APPENDER], app[PEOPLE], app[TOPICS] = shelf, appender, people, topics_of(settings)
    app[AUDIT] = Audit(settings.data_dir / "audit.log")
    app[TEMPLATES] = jinja2.Environment(
        loader=jinja2.PackageLoader("streams.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    app[TEMPLATES].filters.update(show.FILTERS)
    app[PULSE] = Pulse(shelf, app[TOPICS])
    app.cleanup_ctx.append(app[PULSE].beating)
    app.add_routes(
        [
            web.get("/", throughput),
            web.get("/queue", queue),
            web.get("/find", find),
            web.get("/encounters/{encounter_id:.+}", encounter),
            web.post("/encounters/{encounter_id:.+}", document),
            web.get("/lines", lines),
            web.get("/lines.csv", export),
            web.get("/sign-in", sign_in_page),
            web.post("/sign-in", sign_in),
            web.post("/sign-out", sign_out),
            web.get("/healthz", health),
            web.static("/static", Path(str(files("streams.web") / "static"))),
        ]
    )
    return app


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _people(settings: Settings, host: str) -> People | None:
    if settings.web_people:
        return People.read(Path(settings.web_people))
    if is_loopback(host):
        return None
    raise SettingsError(
        f"setting 'web_listen': {settings.web_listen} can be reached by others, so the pages need a login: "
        "name a file of people with 'web_people' (`dripcode web --hash` makes its passwords), or listen on 127.0.0.1"
    )


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.web_tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.web_tls_certificate, settings.web_tls_key or None)
    except (OSError, ssl.SSLError) as wrong:
        raise SettingsError(f"setting 'web_tls_certificate': {type(wrong).__name__}: {wrong}") from None
    return context


@web.middleware
async def _strict(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Headers on every answer; nothing is changed for a page of another site."""
    try:
        answer = await handler(request)
    except web.HTTPRedirection as other:
        other.headers.update(_HEADERS)
        raise
    except web.HTTPClientError as other:
        answer = show.page(request, "refused.html", status=other.status, problem=_TOLD.get(other.status) or other.text)
    answer.headers.update(_HEADERS)
    return answer


_TOLD = {404: "There is no page of that address.", 405: "That cannot be done here."}


@web.middleware
async def _own(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Only these pages' forms change anything; without a login only this machine's own names lead here.

    A page of somebody else's could name this machine under its own name (DNS rebinding) and read what it shows.
    """
    if request.method == "POST" and not _is_own(request.headers, request.host):
        raise web.HTTPForbidden(text="This form was not sent by these pages.")
    if request.app[PEOPLE] is None and not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
        raise web.HTTPForbidden(text="Without a login these pages answer to localhost alone.")
    return await handler(request)


def _is_own(headers: Mapping[str, str], host: str) -> bool:
    """Browsers say which page a form was sent from."""
    origin = headers.get("Origin", "")
    return not origin or urlsplit(origin).netloc == host


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    people = request.app[PEOPLE]
    is_active = not show.is_part(request)  # a page that renews itself keeps nobody signed in
    person = LOCAL if people is None else people.signed_in(request.cookies.get(COOKIE, ""), is_active=is_active)
    if person is None and not request.path.startswith(_OPEN_PATHS):
        raise web.HTTPSeeOther("/sign-in")
    if person is not None:
        request[PERSON] = person
    return await handler(request)


@web.middleware
async def _away(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The store of the read model away: the page says so, and that nothing is lost by it."""
    try:
        return await handler(request)
    except ReadModelAway as wrong:
        return show.page(request, "away.html", status=503, problem=str(wrong))
