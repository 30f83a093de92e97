"""The demo's live view in a terminal, and the tables it leaves behind."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.demo.watch import Watch, by_code, by_kind
from streams.records import Tally


@dataclass(slots=True)
class Feed:
    """How far the sender is; the rate over the last seconds."""

    total: int
    acknowledged: int = 0
    refused: int = 0
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.began

    @property
    def rate(self) -> float:
        """Messages a second since the first."""
        return self.acknowledged / self.seconds if self.seconds > 0 else 0.0


def live_view(feed: Feed, watch: Watch) -> RenderableType:
    """What a person sees while the day runs."""
    flow = Table.grid(padding=(0, 2))
    flow.add_column(justify="right", style="bold")
    flow.add_column()
    balance = watch.balance
    for number, meaning in (
        (f"{feed.acknowledged} / {feed.total}", "messages acknowledged over MLLP"),
        (f"{feed.rate:.0f} /s", "sent and stored"),
        (f"{watch.received}", "received (on hl7.inbound)"),
        (f"{balance.applied}", "applied as facts"),
        (f"{balance.duplicate}", "duplicates"),
        (f"{sum(balance.dead.values())}", "dead letters"),
        (f"{sum(balance.ignored.values())}", "ignored"),
        (f"{watch.lag}", "waiting (lag)"),
        (f"{len(watch.encounters) - len(watch.closed)}", "encounters open"),
        (f"{len(watch.closed)}", "encounters closed"),
        (f"{watch.reissued}", "claim sets issued again after late news"),
        (f"{len(watch.open_findings)}", "findings for a person"),
    ):
        flow.add_row(number, meaning)
    return Group(
        Text("dripcode: a synthetic hospital day", style="bold"),
        Columns(
            [
                Panel(flow, title="messages", width=52),
                Panel(lines_table(watch), title="claim lines", width=40),
                Panel(findings_table(watch, 8), title="findings", width=40),
            ]
        ),
    )


def lines_table(watch: Watch) -> Table:
    """Lines and units by code."""
    table = Table(box=None, pad_edge=False)
    table.add_column("code")
    table.add_column("service family")
    table.add_column("lines", justify="right")
    table.add_column("units", justify="right")
    for code, family, lines, units in by_code(watch.standing_lines):
        table.add_row(code, family, str(lines), str(units))
    return table


def findings_table(watch: Watch, most: int | None = None) -> Table:
    """Findings by kind."""
    table = Table(box=None, pad_edge=False)
    table.add_column("finding")
    table.add_column("open", justify="right")
    kinds = by_kind(watch.open_findings)
    for kind, number in kinds[:most]:
        table.add_row(kind, str(number))
    if most is not None and len(kinds) > most:
        table.add_row(f"and {len(kinds) - most} kinds more", "")
    return table


def balance_lines(received: int, balance: Tally) -> list[str]:
    """The balance as sentences: received = applied + duplicate + dead + ignored, and why."""
    difference = received - balance.received
    lines = [
        f"received {received} = applied {balance.applied} + duplicate {balance.duplicate} + "
        f"dead letters {sum(balance.dead.values())} + ignored {sum(balance.ignored.values())}"
        + ("" if difference == 0 else f"   DIFFERENCE {difference}")
    ]
    for name, reasons in (("dead letters", balance.dead), ("ignored", balance.ignored)):
        if reasons:
            listed = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items()))
            lines.append(f"  {name}: {listed}")
    return lines
