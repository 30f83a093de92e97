"""The charts, as SVG made on the server by pygal: no script, and each has its figures in words beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import pygal
from pygal.style import Style

from streams.web.pulse import Series
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
    colors=("var(--chart-1)", "var(--chart-2)", "var(--chart-3)"),
    font_family="inherit",
    stroke_width="2.5",
    stroke_opacity="1",
    label_font_size=15,
    major_label_font_size=15,
    legend_font_size=16,
    no_data_font_size=18,
)
_LABELS_MOST = 4
_ROWS_MOST = 20  # of the table beside a chart
_SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)  # pygal's own settings, of no use without its script
_HIGHEST_LEAST = 4  # of the axis, so that one message is no mountain
_DASHES = ("none", "7,4", "2,4")  # so that colour is not the only sign


def lines_chart(series: Series, title: str, *, seconds: bool = False) -> str:
    """Several series over the same times (seconds since 1970), oldest first, as an SVG element."""
    chart = pygal.Line(
        style=_STYLE,
        js=[],
        width=600,
        height=230,
        margin=4,
        margin_right=30,
        show_dots=False,
        show_legend=False,
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
    step = -(-len(words) // _LABELS_MOST) or 1
    chart.x_labels_major = words[::step]
    for (name, values), dashes in zip(series.items(), _DASHES, strict=False):
        chart.add(name, [value for _, value in values], stroke_style={"width": 2, "dasharray": dashes})
    highest = max((value for values in series.values() for _, value in values if value is not None), default=0.0)
    chart.range = (0, max(highest, _HIGHEST_LEAST))
    drawn: str = chart.render(is_unicode=True)
    drawn = _SCRIPT.sub("", drawn)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing with its figures: the legend tells each series' name and newest value, the table the newest rows."""

    key: str
    title: str
    unit: str
    svg: str
    series: Series
    seconds: bool

    @property
    def newest(self) -> dict[str, float | None]:
        return {name: values[-1][1] if values else None for name, values in self.series.items()}

    @property
    def rows(self) -> list[tuple[str, list[float | None]]]:
        """Time and a value of each series, newest first."""
        written = "%H:%M:%S" if self.seconds else "%H:%M"
        found = []
        for points in list(zip(*self.series.values(), strict=True))[: -_ROWS_MOST - 1 : -1]:
            at = datetime.fromtimestamp(points[0][0]).astimezone()
            found.append((f"{at:{written}}", [value for _, value in points]))
        return found


def chart(key: str, title: str, unit: str, series: Series, *, seconds: bool = True) -> Chart:
    """Draw; `seconds` says whether the times are told to the second."""
    return Chart(key, title, unit, lines_chart(series, title, seconds=seconds), series, seconds)


def from_first(series: Series, least: int = 15) -> Series:
    """Without the times before anything happened, but for the newest `least`."""
    values = list(series.values())
    length = min((len(points) for points in values), default=0)
    first = next((place for place in range(length) if any(points[place][1] for points in values)), length)
    start = max(0, min(first - 1, length - least))
    return {name: points[start:] for name, points in series.items()}
