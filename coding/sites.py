"""Access sites: lumens of one catheter are one, and an administration without a site belongs to the first named."""

from __future__ import annotations

import re
from functools import lru_cache

from coding.encounter import Route
from coding.services import Given

VASCULAR = {Route.INTRAVENOUS, Route.UNKNOWN}
BRACKETED = re.compile(r"\([^)]*\)|\[[^\]]*\]")
WHICH = "proximal|distal|medial|middle|red|white|blue|brown|purple|yellow|green|gr[ae]y|first|second|third"
LUMEN = re.compile(
    rf"[,/ -]*\b(?:(?:{WHICH})\s+)?lumen\b(?:\s*[#:]?\s*(?:[a-d]\b|\d+|{WHICH}))?|[,/ -]+(?:{WHICH})\s*(?:port|hub)?$"
)
Y_SITE = re.compile(r"[,/ -]*\by[- ]?(?:site|connector|port)\b")


@lru_cache(maxsize=4096)
def site_key(access_site: str) -> str:
    """Return what makes two recorded sites one: small letters, no remarks, no lumen, no Y connector."""
    text = " ".join(BRACKETED.sub(" ", access_site.casefold()).split())
    text = Y_SITE.sub("", LUMEN.sub("", text)).strip(" ,/-")
    return text or _recorded(access_site)


def _recorded(access_site: str) -> str:
    """Return a site as it was recorded, in small letters."""
    return " ".join(access_site.casefold().split())


def with_sites(given: list[Given]) -> list[Given]:
    """Return the administrations with the keys of their access sites.

    Where several sites are named, one without a site belongs to the first named, and says so; where lumens of one
    catheter were made one site, they say so.
    """
    names = {one.site for one in given if one.site and one.administration.route in VASCULAR}
    if not names:
        return given
    keys = {name: site_key(name) for name in names}
    first = next(iter(keys.values()))
    if len(names) > 1:
        named = [one for one in given if one.site in names and one.administration.route in VASCULAR]
        first = keys[min(named, key=lambda one: (one.start, one.ids)).site]
    several = len(set(keys.values())) > 1
    lumens = _several_lumens(keys)
    return [_with_site(one, keys, first, several, lumens) for one in given]


def _several_lumens(keys: dict[str, str]) -> set[str]:
    """Return the sites that were recorded by more than one of their lumens."""
    recorded: dict[str, set[str]] = {}
    for name, key in keys.items():
        if "lumen" in name.casefold() and _recorded(name) != key:
            recorded.setdefault(key, set()).add(_recorded(name))
    return {key for key, names in recorded.items() if len(names) > 1}


def _with_site(one: Given, keys: dict[str, str], first: str, several: bool, lumens: set[str]) -> Given:
    """Return one administration with the key of its site."""
    if one.administration.route not in VASCULAR:
        return one
    if not one.site:
        return one._replace(site=first, flags=(*one.flags, "SITE_UNKNOWN") if several else one.flags)
    key = keys[one.site]
    return one._replace(site=key, flags=(*one.flags, "MULTILUMEN_ASSUMED") if key in lumens else one.flags)
