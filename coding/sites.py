"""Access sites: lumens of one catheter are one, and an administration without a site belongs to the first named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache

from msgspec.structs import replace

from coding.encounter import Administration, Route
from coding.rules import read_toml
from coding.services import Given

WORDS = read_toml("site_words.toml")
VASCULAR = {Route.INTRAVENOUS, Route.UNKNOWN}
BRACKETED = re.compile(r"\([^)]*\)|\[[^\]]*\]")
WHICH = "proximal|distal|medial|middle|red|white|blue|brown|purple|yellow|green|gr[ae]y|first|second|third"
LUMEN = re.compile(
    rf"[,/ -]*\b(?:(?:{WHICH})\s+)?lumen\b(?:\s*[#:]?\s*(?:[a-d]\b|\d+|{WHICH}))?|[,/ -]+(?:{WHICH})\s*(?:port|hub)?$"
)
Y_SITE = re.compile(r"[,/ -]*\by[- ]?(?:site|connector|port)\b")


@lru_cache(maxsize=4096)
def site_key(access_site: str) -> str:
    """Return what makes two recorded sites one: plain words in any order, no remarks, no lumen, no Y connector."""
    text = " ".join(BRACKETED.sub(" ", access_site.casefold()).split())
    text = Y_SITE.sub("", LUMEN.sub("", text)).strip(" ,/-")
    for spelling, plain in _spellings():
        text = spelling.sub(plain, text)
    words = text.split()
    said = [word for word in words if word not in WORDS["unsaid"]]
    return " ".join(sorted(said or words)) or _recorded(access_site)


@cache
def _spellings() -> list[tuple[re.Pattern[str], str]]:
    """Return how words are spelled, with the plain words, in the order they are put right."""
    return [(re.compile(spelling), plain) for spelling, plain in WORDS["spellings"]]


def _recorded(access_site: str) -> str:
    """Return a site as it was recorded, in small letters."""
    return " ".join(access_site.casefold().split())


def recorded_names(administrations: Iterable[Administration]) -> dict[str, str]:
    """Return each site as it was first recorded, by what makes it one: in order of id, since order has no meaning."""
    names: dict[str, str] = {}
    for one in sorted(administrations, key=lambda one: one.administration_id):
        if one.access_site:
            names.setdefault(site_key(one.access_site), one.access_site)
    return names


def with_sites(given: list[Given]) -> list[Given]:
    """Return the administrations with what is to be said of their access sites.

    Where several sites are named, one without a site belongs to the first named, and says so; where lumens of one
    catheter were made one site, they say so.
    """
    places = {(one.site, one.administration.access_site) for one in given if one.administration.route in VASCULAR}
    if len(places) == 1:
        return given
    keys = {site for site, _ in places}
    lumens = _several_lumens(places)
    if not lumens and ("" not in keys or len(keys) == 1):
        return given
    named = [one for one in given if one.site and one.administration.route in VASCULAR]
    first = min([(one.start_time is None, one.start, one.ids, one.site) for one in named])[-1]
    unknown = ("SITE_UNKNOWN",) if len(keys - {""}) > 1 else ()
    return [_with_site(one, first, unknown, lumens) for one in given]


def _several_lumens(places: Iterable[tuple[str, str]]) -> set[str]:
    """Return the sites that were recorded by more than one of their lumens, of sites and what was recorded."""
    recorded: dict[str, set[str]] = {}
    for site, access_site in places:
        if "lumen" in access_site.casefold():
            recorded.setdefault(site, set()).add(_recorded(access_site))
    return {key for key, names in recorded.items() if len(names - {key}) > 1}


def _with_site(one: Given, first: str, unknown: tuple[str, ...], lumens: set[str]) -> Given:
    """Return one administration with its site when it names none, and what is to be said of it."""
    if one.administration.route not in VASCULAR:
        return one
    if not one.site:
        return replace(one, site=first, flags=one.flags + unknown)
    return replace(one, flags=(*one.flags, "MULTILUMEN_ASSUMED")) if one.site in lumens else one
