"""What the pages' handlers find on the application and the request."""

from __future__ import annotations

import jinja2
from aiohttp import web

from streams.append_queue import Appender
from streams.read_model.shelf import Shelf
from streams.topics import Topics
from streams.web.audit import Audit
from streams.web.people import People, Person
from streams.web.pulse import Pulse

SHELF: web.AppKey[Shelf] = web.AppKey("shelf")
APPENDER: web.AppKey[Appender] = web.AppKey("appender")
PEOPLE: web.AppKey[People | None] = web.AppKey("people")
TOPICS = web.AppKey("topics", Topics)
AUDIT = web.AppKey("audit", Audit)
TEMPLATES = web.AppKey("templates", jinja2.Environment)
PULSE = web.AppKey("pulse", Pulse)
PERSON = web.RequestKey("person", Person)


def person_of(request: web.Request) -> Person:
    """Who asks."""
    return request[PERSON]
