"""Encounters that could happen, and some that should not."""

from hypothesis import strategies as st
from msgspec.structs import replace

from coding import Administration, Completion, Encounter, Setting
from coding.policy import load_policy, switch_names
from coding.rules import read_toml
from tests.coding import build

BY_VEIN = ["ceftriaxone", "vancomycin", "ondansetron", "morphine", "heparin", "docetaxel", "vincristine", "infliximab",
           "ampicillin+gentamicin", "saline", "lactated ringer's", "zzz-unheard-of"]  # fmt: skip
ELSEWHERE = ["ketorolac", "bortezomib", "leuprolide", "hizentra", "tdap", "red blood cells", "saline flush", "iohexol"]
MINUTES = st.integers(0, 30 * 60)
WAYS = ["im", "sc", "sc_pump", "ia_push", "ia_infusion", "oral", "portable_pump", "intrathecal"]
BOUNDS = [[], ["arrived_at=05:00"], ["departed_at=20:00"], ["inpatient=12:00"]]
LENGTHS = st.sampled_from([0, 1, 15, 16, 17, 30, 31, 45, 60, 90, 91, 120, 150, 151, 300])


def clock(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60}"


@st.composite
def by_vein(draw: st.DrawFn, sites: list[str], *, whole: bool) -> Administration:
    """An administration by vein; `whole` ones lack no time."""
    start, length = draw(MINUTES), draw(LENGTHS)
    way = draw(st.sampled_from(["infusion", "infusion", "push", "iv"]))
    times = [clock(start), clock(start + length)] if way != "push" or draw(st.booleans()) else [clock(start)]
    if not whole and draw(st.integers(0, 4)) == 0:
        times = draw(st.sampled_from([["-"], [times[0]], ["-", times[-1]], times[::-1]]))
    drug = draw(st.sampled_from(BY_VEIN))
    return build.administration("a", drug.replace(" ", "_"), way, draw(st.sampled_from(sites)), *times)


@st.composite
def elsewhere(draw: st.DrawFn, site: str) -> Administration:
    """An administration by another way than vein, or none of ours."""
    start, way = draw(MINUTES), draw(st.sampled_from(WAYS))
    drug = draw(st.sampled_from(ELSEWHERE)).replace(" ", "_")
    return build.administration("a", drug, way, site, clock(start), clock(start + draw(LENGTHS)))


@st.composite
def encounters(draw: st.DrawFn, sites: tuple[str, ...] = ("L-AC", "R-AC", "-"), *, whole: bool = False) -> Encounter:
    """An encounter of up to nine administrations of either setting."""
    one = by_vein(list(sites), whole=whole)
    given = draw(st.lists(one if whole else st.one_of(one, one, elsewhere(sites[0])), max_size=9))
    given = [
        replace(a, administration_id=f"a{place}", message_control_ids=(f"M{place}",)) for place, a in enumerate(given)
    ]
    if not whole and given and draw(st.integers(0, 5)) == 0:
        given[0] = replace(given[0], completion=draw(st.sampled_from(Completion)))
    words = [] if whole else draw(st.sampled_from(BOUNDS))
    setting = draw(st.sampled_from(Setting))
    return build.encounter(given, words, setting=setting, payer=draw(st.sampled_from(["", "medicare", "commercial"])))


@st.composite
def policies(draw: st.DrawFn, setting: Setting, payer: str = ""):
    """A policy with a few switches at any of their values."""
    table = read_toml("switches.toml")
    overrides = {}
    for name in draw(st.lists(st.sampled_from(switch_names()), max_size=4, unique=True)):
        row = table[name]
        overrides[name] = draw(st.sampled_from(row["values"]) if "values" in row else st.integers(*row["range"]))
    return load_policy(setting, payer, overrides)
