"""Every kind of table that can be imported, in the order a site would meet them."""

from streams.published.add_ons import ADDON
from streams.published.addendum_b import ADDENDUM_B
from streams.published.crosswalk import NDC
from streams.published.hcpcs import HCPCS
from streams.published.kinds import Kind
from streams.published.limits import MUE
from streams.published.pairs import PTP
from streams.published.payment_limits import ASP

KINDS: dict[str, Kind] = {kind.name: kind for kind in (PTP, MUE, ADDON, ASP, NDC, HCPCS, ADDENDUM_B)}
