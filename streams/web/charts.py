"""The charts, as SVG made on the server by pygal: no script, and each has its figures in words beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pygal
from pygal.style import Style

from streams.web.show import number

_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="var(--ink)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--faint)",
    guide_stroke_color="var(--line)",
    guide_stroke_dasharray="none",
    major_guide_stroke_color="var(--line)",
    major_guide_stroke_dasharray="none",
    opacity=".18",
    opacity_hover=".4",
    colors=("var(--chart-1)", "var(--chart-2)", "var(--chart-3)"),
    font_family="inherit",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
)
_LABELS_MOST = 6


def lines_chart(series: Mapping[str, Sequence[tuple[float, float]]], title: str, *, seconds: bool = False) -> str:
    """Several series over the same times (seconds since 1970), oldest first, as an SVG element."""
    chart = pygal.Line(
        style=_STYLE,
        js=[],
        width=900,
        height=260,
        margin=6,
        margin_right=26,
        show_dots=False,
        fill=True,
        show_legend=len(series) > 1,
        legend_at_bottom=True,
        include_x_axis=True,
        show_minor_x_labels=False,
        truncate_label=-1,
        min_scale=2,
        max_scale=4,
        value_formatter=number,
        disable_xml_declaration=True,
        pretty_print=False,
        explicit_size=False,
        no_data_text="nothing yet",
    )
    times = [at for at, _ in next(iter(series.values()), ())]
    words = [f"{datetime.fromtimestamp(at).astimezone():{'%H:%M:%S' if seconds else '%H:%M'}}" for at in times]
    chart.x_labels = words
    step = max(1, len(words) // _LABELS_MOST)
    chart.x_labels_major = words[::step]
    for name, values in series.items():
        chart.add(name, [value for _, value in values])
    drawn: str = chart.render(is_unicode=True)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
