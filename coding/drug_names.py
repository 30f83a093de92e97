"""Names as pharmacies and hospitals write them: what of a name is the ingredient."""

from __future__ import annotations

import re
from functools import lru_cache

from coding.rules import read_toml

WORDS = read_toml("drug_names.toml")
BRACKETED = re.compile(r"\([^)]*\)|\[[^\]]*\]")
UNITS = "|".join(WORDS["units"])
PER = rf"\s*/\s*(?:(?:[\d.,]+\s*)?(?:{UNITS})|\d+)"
STRENGTH = re.compile(rf"(?<![a-z0-9/.])\d[\d.,]*(?:-\d[\d.,]*)*\s*-?(?:{UNITS})(?:{PER})?(?:-%)*(?![a-z0-9%])")
DILUENT = re.compile(r"\s+in\s+(?:" + "|".join(WORDS["diluents"]) + r"|\d)(?:(?! with ).)*")
CARRIED_IN = re.compile(r"(?:\s+|\s*-\s*|\s+and\s+)(?:" + "|".join(WORDS["diluents"]) + r")$")
ADDED = re.compile(r"\s+(?:with|w/)\s+")
NOISE = re.compile(r"(?<![a-z0-9])(?:" + "|".join(WORDS["noise"]) + r")(?![a-z0-9])")
SALTS = re.compile(r"(?:\s+(?:" + "|".join(WORDS["salts"]) + r"))+$")
PERCENT = re.compile(r"(?<!\S)\d[\d.]*\s*%(?!\S)")
NUMBER = re.compile(r"[ -]\d+$")
SUFFIX = re.compile(r"-[a-z]{4}$")
LOOSE_PERCENT = re.compile(r"(\d)\s+%")
TELLTALES = [(re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])"), meant) for words, meant in WORDS["telltales"]]
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
PUNCTUATION = re.compile(r"[()\[\],;:&+-]")
FLUID = WORDS["fluid"]
SPELLINGS = [(re.compile(rf"(?<![a-z0-9.])(?:{pattern})"), plain) for pattern, plain in FLUID["spellings"]]
HAS_FLUID = re.compile("|".join([*FLUID["parts"], *(spelling.pattern for spelling, _ in SPELLINGS)]))
PART = re.compile(rf"(?:(\d*\.?\d+)% )?({'|'.join(FLUID['parts'])})(?(1)|(?: (\d*\.?\d+)%)?)")
LISTED = re.compile(r"(?P<names>[a-z' -]+?) (?P<numbers>\d*\.?\d+(?:-\d*\.?\d+)+) ?(?:meq/l-)?%(?:-%)*(?P<rest>.*)")
BETWEEN_PARTS = re.compile(r" in | and |-")
LITRE = re.compile("|".join(FLUID["litre"]))
GLUE = re.compile(rf"(?<![a-z])(?:{'|'.join(FLUID['glue'])})(?![a-z])|[^a-z]+")


@lru_cache(maxsize=65536)
def simple_name(name: str) -> str:
    """Return a name in small letters, its white space collapsed."""
    return LOOSE_PERCENT.sub(r"\1%", " ".join(name.casefold().split()))


@lru_cache(maxsize=65536)
def ingredient_name(name: str) -> str:
    """Return what is left of a product's name without strength, remarks, form, diluent and device.

    Drug identity is the ingredient: bracketed remarks, text after a comma, "bolus" and "test dose" do not count.
    """
    text = BRACKETED.sub(" ", simple_name(name))
    text = DILUENT.sub(" ", STRENGTH.sub(" ", text).split(",")[0])
    stripped = " ".join(NOISE.sub(" ", text).replace(" - ", " ").split()).replace(" /", "/").strip(" -/.")
    return stripped or simple_name(name)


@lru_cache(maxsize=65536)
def name_keys(name: str) -> tuple[str, ...]:
    """Return the keys a name may be found under, the most exact first."""
    simple, ingredient = simple_name(name), ingredient_name(name)
    without_percent = " ".join(PERCENT.sub(" ", ingredient).split()) or ingredient
    without_fluid = CARRIED_IN.sub("", without_percent) or without_percent
    without_salt = SALTS.sub("", without_fluid) or without_fluid
    unbracketed = BRACKETED.sub(" ", simple).strip()
    if fluid := fluid_name(simple):
        return (simple, unbracketed, fluid)
    carrier, *added = ADDED.split(simple, maxsplit=1)
    if added and fluid_name(carrier):
        return (simple, unbracketed, *name_keys(added[0]))
    without_number = NUMBER.sub("", without_salt) or without_salt
    flush = f"{without_fluid} flush" if "flush" in simple and "flush" not in ingredient else simple
    keys = (flush, simple, unbracketed, ingredient, without_percent, without_fluid, without_salt, without_number)
    told = (meant for telltale, meant in TELLTALES if telltale.search(simple))
    return tuple(dict.fromkeys((*keys, *(SUFFIX.sub("", key) for key in keys), *told)))


@lru_cache(maxsize=65536)
def bracketed_names(name: str) -> tuple[str, ...]:
    """Return the names in brackets: most systems write a product's brand there."""
    return tuple(part for bracket in BRACKETED.findall(simple_name(name)) for part in bracket[1:-1].split(","))


def fluid_name(simple: str) -> str:
    """Return the dictionary's name of a fluid in any spelling and order of its parts; "" when it has other parts.

    Percentages stand with the parts or, in their order, behind them (`DEXTROSE-NACL 5-0.45 %`). Potassium named first
    is added to a fluid by the litre, a rider in less.
    """
    if not HAS_FLUID.search(simple):
        return ""
    text = _with_numbers(THOUSANDS.sub("", simple))
    is_litre = LITRE.search(text) is not None
    text = " ".join(PUNCTUATION.sub(" ", STRENGTH.sub(" ", text)).split())
    for spelling, plain in SPELLINGS:
        text = " ".join(spelling.sub(plain, text).split())
    percent = {name: before or after for before, name, after in PART.findall(text)}
    if "potassium chloride" in percent:
        percent["potassium chloride"] = ""  # its number is no percentage
    has_more = GLUE.sub("", NOISE.sub(" ", PART.sub(" ", text)))
    is_rider = text.startswith("potassium") and not is_litre
    if has_more or is_rider or not percent.keys() - {"potassium chloride"} or percent.get("dextrose") == "":
        return ""
    if "sodium chloride" in percent:
        percent["sodium chloride"] = percent["sodium chloride"] or FLUID["normal"]
    named = [
        f"{name} {float(percent[name]):g}%" if percent[name] else name for name in FLUID["parts"] if name in percent
    ]
    return " and ".join(named)


def _with_numbers(text: str) -> str:
    """Return a name whose percentages are listed behind its parts with each beside its own: such come by the litre."""
    listed = LISTED.fullmatch(text)
    if listed is None:
        return text
    parts, numbers = BETWEEN_PARTS.split(listed["names"]), listed["numbers"].split("-")
    if len(parts) != len(numbers):
        return text
    return " ".join(f"{part} {number}%" for part, number in zip(parts, numbers, strict=True)) + f"{listed['rest']} /l"
