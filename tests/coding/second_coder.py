"""A second coder, slow and plain: sets of minutes, for encounters that lack nothing.

Written from the published rules by themselves, so that the engine is checked by something that shares no code with it.
"""

from collections import Counter
from dataclasses import dataclass

CHEMO = {"docetaxel", "vincristine", "cisplatin"}
FLUID = {"saline", "lactated ringer's"}
BLOOD = {"red blood cells"}
FIRST = {"96365", "96374", "96409", "96413"}
DAY = 24 * 60
HANGS_FROM = {  # add-on: its primaries; in an office some also from hydration
    "96361": FIRST | {"96360"},
    "96366": {"96365", "96367", "96413"},
    "96367": FIRST,
    "96368": {"96365", "96366", "96413", "96415"},
    "96375": FIRST,
    "96376": FIRST,
    "96411": {"96409", "96413"},
    "96415": {"96413"},
    "96417": {"96413"},
}
IN_AN_OFFICE = {"96366", "96367", "96368", "96375"}


@dataclass
class Row:
    name: str
    drug: str
    is_push: bool
    minutes: set[int]  # empty for a push at a moment
    start: int

    @property
    def stop(self) -> int:
        return max(self.minutes, default=self.start - 1) + 1


def hours(minutes: int) -> int:
    return minutes // 60 + (minutes % 60 > 30)


def joined(rows: list[Row]) -> list[Row]:
    """Infusions of one drug with at most five minutes between them are one."""
    whole: list[Row] = []
    for row in sorted(rows, key=lambda row: (row.start, row.stop, row.name)):
        mate = next((w for w in reversed(whole) if w.drug == row.drug), None)
        if not row.is_push and mate and row.start - mate.stop <= 5:
            mate.minutes |= row.minutes
            mate.name += "+" + row.name
        elif not row.is_push:
            whole.append(Row(row.name, row.drug, False, set(row.minutes), row.start))
    return whole


def code(rows: list[Row], *, office: bool = False, reason: str = "") -> Counter[str]:
    """Return units by code of one access site; an office's initial service is what the visit was for."""
    return without_orphans(code_site(rows, set(), office=office, reason=reason), office=office)


def code_two(one: list[Row], other: list[Row]) -> Counter[str]:
    """Return units by code of two access sites that a hospital's patient needed, with drugs of their own each."""
    total = code_site(one, infused(other)) + code_site(other, infused(one))
    if total["96368"]:
        total["96368"] = 1
    return without_orphans(+total, office=False)


def code_by_date(rows: list[Row]) -> Counter[str]:
    """Return units by code of one access site where each date has an initial service; a fluid's minutes are its own."""
    runs = joined([row for row in rows if row.drug not in BLOOD])
    own_minutes([run for run in runs if run.drug in FLUID], infused(rows))
    whole = runs + [row for row in rows if row.is_push]
    total: Counter[str] = Counter()
    for day in {row.start // DAY for row in whole}:
        total += code_site([row for row in whole if row.start // DAY == day], set())
    if total["96368"]:
        total["96368"] = 1
    return without_orphans(+total, office=False)


def infused(rows: list[Row]) -> set[int]:
    """Return the minutes of drugs, not fluids, that ran long enough for infusions."""
    long = [run for run in joined(rows) if run.drug not in FLUID and len(run.minutes) >= 16]
    return set().union(*(run.minutes for run in long))


def code_site(rows: list[Row], elsewhere: set[int], *, office: bool = False, reason: str = "") -> Counter[str]:
    """Return units by code before the add-on edits; no fluid with time of its own beside a drug elsewhere is billed."""
    blood = set().union(*(row.minutes for row in rows if row.drug in BLOOD))
    rows = [row for row in rows if row.drug not in BLOOD]
    runs = joined(rows)
    infusions = [run for run in runs if run.drug not in FLUID and len(run.minutes) >= 16]
    taken = blood.union(*(run.minutes for run in infusions))
    fluids = [run for run in runs if run.drug in FLUID and not (run.minutes - taken) & elsewhere]
    short = [run for run in runs if run.drug not in FLUID and len(run.minutes) < 16]
    pushes = [row for row in rows if row.is_push and row.drug not in FLUID] + short
    own_minutes(fluids, taken)
    fluids = [fluid for fluid in fluids if len(fluid.minutes) >= 31]
    initial = min([*infusions, *pushes, *fluids], key=lambda row: contest(row, infusions, pushes), default=None)
    if office and reason:
        infused = {run.drug for run in infusions}
        first = [*infusions, *fluids, *(push for push in pushes if push.drug not in infused)]
        initial = next((row for row in first if reason in row.name.split("+")), initial)
    total: Counter[str] = Counter()
    if initial is None:
        return total
    code_infusions(infusions, initial, total)
    code_pushes(pushes, infusions, initial, total)
    if office:
        del total["96376"]
    for fluid in fluids:
        if fluid is initial:
            total["96360"] += 1
            total["96361"] += hours(len(fluid.minutes)) - 1
        else:
            total["96361"] += hours(len(fluid.minutes))
    return +total


def without_orphans(total: Counter[str], *, office: bool) -> Counter[str]:
    """Hold every add-on without a primary, and what hangs from it alone."""
    while True:
        orphans = [
            code
            for code, primaries in HANGS_FROM.items()
            if code in total
            and not (primaries | ({"96360"} if office and code in IN_AN_OFFICE else set())) & set(total)
        ]
        if not orphans:
            return total
        for code in orphans:
            del total[code]


def own_minutes(fluids: list[Row], taken: set[int]) -> None:
    """Take from each fluid what drugs have, then what a longer fluid has."""
    for fluid in fluids:
        fluid.minutes -= taken
    theirs: set[int] = set()
    for fluid in sorted(fluids, key=lambda f: (-len(f.minutes), f.start, f.name)):
        fluid.minutes -= theirs
        theirs |= fluid.minutes


def contest(row: Row, infusions: list[Row], pushes: list[Row]) -> tuple[int, int, int, str]:
    if row in infusions:
        return (1 if row.drug in CHEMO else 3, -len(row.minutes), row.start, row.name)
    if row in pushes:
        return (2 if row.drug in CHEMO else 4, 0, row.start, row.name)
    return (5, -len(row.minutes), row.start, row.name)


def code_infusions(infusions: list[Row], initial: Row, total: Counter[str]) -> None:
    counted: set[int] = set()
    drugs = {run.drug for run in infusions}

    def order(drug: str) -> tuple[bool, bool, int, int, str]:
        longest = min((r for r in infusions if r.drug == drug), key=lambda r: (-len(r.minutes), r.start, r.name))
        is_initial = initial in infusions and initial.drug == drug
        return (not is_initial, drug not in CHEMO, -len(longest.minutes), longest.start, longest.name)

    for drug in sorted(drugs, key=order):
        doses = [run for run in infusions if run.drug == drug]
        first, more = ("96417", "96415") if drug in CHEMO else ("96367", "96366")
        lead = min(doses, key=lambda r: (r is not initial, -len(r.minutes - counted), r.start, r.name))
        net = lead.minutes - counted
        if lead is initial:
            total["96413" if drug in CHEMO else "96365"] += 1
            total[more] += max(0, hours(len(lead.minutes)) - 1)
            counted |= lead.minutes
        elif len(net) >= 16:
            total[first] += 1
            total[more] += max(0, hours(len(net)) - 1)
            counted |= lead.minutes
        elif drug in CHEMO:
            total["96549"] += 1
        else:
            total["96368"] = 1
        for dose in sorted((d for d in doses if d is not lead), key=lambda r: (r.start, r.name)):
            net = dose.minutes - counted
            if len(net) >= 16:
                total[more] += max(1, hours(len(net)))
                counted |= dose.minutes


def code_pushes(pushes: list[Row], infusions: list[Row], initial: Row, total: Counter[str]) -> None:
    last: dict[str, int] = {}
    for push in sorted(pushes, key=lambda p: (p is not initial, p.start, p.name)):
        runs = [run for run in infusions if run.drug == push.drug]
        stops = [run.stop for run in runs if run.start < push.start]
        if push is initial:
            total["96409" if push.drug in CHEMO else "96374"] += 1
        elif push.drug in CHEMO:
            if runs or push.drug in last:
                continue
            total["96411"] += 1
        elif not runs and push.drug not in last:
            total["96375"] += 1
        elif stops and push.start < max(stops):
            continue
        elif runs and not stops and push.drug not in last:
            total["96376"] += 1  # a bolus before the drip
        elif push.start - max([*stops, *([last[push.drug]] if push.drug in last else [])]) > 30:
            total["96376"] += 1
        else:
            continue
        last[push.drug] = push.start
