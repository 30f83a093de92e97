"""Access sites: lumens of one catheter are one site, and an administration without a site belongs to the first named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from coding.encounter import Route
from coding.services import Given

VASCULAR = {Route.INTRAVENOUS, Route.UNKNOWN}
BRACKETED = re.compile(r"\([^)]*\)|\[[^\]]*\]")
LUMEN = re.compile(
    r"[,/ -]*\b(?:(?:proximal|distal|medial|middle|red|white|blue|brown|purple|yellow|green|grey|gray|first|second|third)\s+)?"
    r"lumen\b(?:\s*[#:]?\s*(?:[a-d]|\d+|proximal|distal|medial|middle|red|white|blue|brown|purple))?"
    r"|[,/ -]+(?:proximal|distal|medial|red|white|blue|brown|purple)\s*(?:port|hub)?$"
)
Y_SITE = re.compile(r"[,/ -]*\by[- ]?(?:site|connector|port)\b")


@lru_cache(maxsize=4096)
def site_key(access_site: str) -> str:
    """Return what makes two recorded sites one: small letters, no remarks, no lumen, no Y connector."""
    text = " ".join(BRACKETED.sub(" ", access_site.casefold()).split())
    text = Y_SITE.sub("", LUMEN.sub("", text)).strip(" ,/-")
    return text or " ".join(access_site.casefold().split())


def with_sites(given: Iterable[Given]) -> list[Given]:
    """Return the administrations with the keys of their access sites.

    Where several sites are named, one without a site belongs to the first named, and says so; where lumens of one
    catheter were made one site, they say so.
    """
    given = list(given)
    vascular = [one for one in given if one.administration.route in VASCULAR]
    named = [one for one in vascular if one.site]
    if not named:
        return given
    first = site_key(min(named, key=lambda one: (one.start, one.administration.administration_id)).site)
    keys = {site_key(one.site) for one in named}
    recorded: dict[str, set[str]] = {}
    for one in named:
        recorded.setdefault(site_key(one.site), set()).add(" ".join(one.site.casefold().split()))
    return [_with_site(one, first, len(keys) > 1, recorded) for one in given]


def _with_site(one: Given, first: str, several: bool, recorded: dict[str, set[str]]) -> Given:
    """Return one administration with the key of its site."""
    if one.administration.route not in VASCULAR:
        return one
    if not one.site:
        return one._replace(site=first, flags=(*one.flags, "SITE_UNKNOWN") if several else one.flags)
    key = site_key(one.site)
    lumens = [name for name in recorded[key] if "lumen" in name and name != key]
    return one._replace(site=key, flags=(*one.flags, "MULTILUMEN_ASSUMED") if len(lumens) > 1 else one.flags)
