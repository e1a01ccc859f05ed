"""A chapter's curve as SVG: the waveform with the limit of its peaks, and below it the loudness with its target.

What is drawn stretches with the page, its words do not: so the scale stands in a picture of its own beside it.
"""

from collections.abc import Iterator

from tasks.model import Curve
from tasks.packagers.report.markup import Markup, element
from tasks.packagers.report.values import Checked
from tasks.packagers.report.wording import clock, signed

_WAVE_HEIGHT, _LOUDNESS_TOP, _LOUDNESS_HEIGHT, _HEIGHT = 104, 124, 120, 268
_SCALE_WIDTH = 84
_TIMES_Y = 264
# The loudness that is drawn, around the target (LU).
_ABOVE, _BELOW = 9.0, 24.0
_GRID_LU = 10
# Lines of the grid keep away from the target's, so that their words do.
_APART_LU = 4.5
_MOST_TIMES = 5
# Words further along the line would be cut off.
_LAST_TIME = 0.95
_TIME_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 18_000, 36_000)
# The waveform is drawn in whole numbers from nought to twice this.
_FULL_SCALE = 500


def drawing(curve: Curve, seconds: float, checked: Checked, title: str) -> Markup:
    """Draw a track of so many seconds; `title` names it for those who hear the page."""
    return element("div", _picture(curve, seconds, checked, title), _scale(checked), class_="plot")


def _picture(curve: Curve, seconds: float, checked: Checked, title: str) -> Markup:
    width = seconds / curve.seconds
    wave = _area(
        f"0 0 {width:.3f} {2 * _FULL_SCALE}",
        (0, _WAVE_HEIGHT),
        element("path", d=_wave(curve, width), class_="wave"),
    )
    loudness = _area(
        f"0 0 {width:.3f} {_ABOVE + _BELOW:g}",
        (_LOUDNESS_TOP, _LOUDNESS_HEIGHT),
        element("path", d=_loudness(curve, width, checked.loudness_lufs), class_="loudness"),
    )
    return element(
        "svg",
        wave,
        *(_line(y, "limit") for y in _limits(checked.peak_dbfs)),
        _line(_WAVE_HEIGHT / 2, "axis"),
        *(_line(_loudness_y(lufs, checked), "grid") for lufs in _grid(checked)),
        loudness,
        _line(_loudness_y(checked.loudness_lufs, checked), "target"),
        *_times(seconds),
        element("line", x1="0", x2="0", y1=0, y2=_HEIGHT - 20, class_="playhead", visibility="hidden"),
        role="img",
        aria_label=title,
        class_="curves",
        height=_HEIGHT,
        data_seconds=f"{seconds}",
    )


def _area(view: str, rows: tuple[int, int], path: Markup) -> Markup:
    """Stretch a drawing over the width of the page."""
    y, height = rows
    return element("svg", path, viewBox=view, y=y, height=height, width="100%", preserveAspectRatio="none")


def _wave(curve: Curve, width: float) -> str:
    """Go along the peaks above the middle, and back below it."""
    heights = [round(min(peak, 1.0) * _FULL_SCALE) for peak in curve.peaks]
    ends = [*range(1, len(heights)), round(width, 3)]
    above = " ".join(f"V{_FULL_SCALE - height}H{end:g}" for height, end in zip(heights, ends, strict=True))
    begins = range(len(heights) - 1, -1, -1)
    below = " ".join(f"V{_FULL_SCALE + heights[begin]}H{begin}" for begin in begins)
    return f"M0 {_FULL_SCALE} {above} {below}Z"


def _loudness(curve: Curve, width: float, target: float) -> str:
    """Go from the middle of one part to that of the next; where there is silence, along the bottom."""
    top = target + _ABOVE
    depths = [
        _ABOVE + _BELOW if lufs is None else min(max(top - lufs, 0.0), _ABOVE + _BELOW) for lufs in curve.loudness
    ]
    points = [f"{place + 0.5:g} {depth:.1f}" for place, depth in enumerate(depths)]
    return f"M0 {depths[0]:.1f}L{' '.join(points[:-1])} {width:.3f} {depths[-1]:.1f}"


def _limits(peak_dbfs: float) -> tuple[float, float]:
    reach = 10 ** (peak_dbfs / 20) * _WAVE_HEIGHT / 2
    return _WAVE_HEIGHT / 2 - reach, _WAVE_HEIGHT / 2 + reach


def _loudness_y(lufs: float, checked: Checked) -> float:
    share = (checked.loudness_lufs + _ABOVE - lufs) / (_ABOVE + _BELOW)
    return _LOUDNESS_TOP + share * _LOUDNESS_HEIGHT


def _grid(checked: Checked) -> Iterator[int]:
    target = checked.loudness_lufs
    for lufs in range(-80, 1, _GRID_LU):
        if target - _BELOW <= lufs <= target + _ABOVE and abs(lufs - target) >= _APART_LU:
            yield lufs


def _line(y: float, kind: str) -> Markup:
    return element("line", x1="0", x2="100%", y1=f"{y:.1f}", y2=f"{y:.1f}", class_=kind)


def _times(seconds: float) -> Iterator[Markup]:
    """Mark the time below, at few enough places for a narrow page."""
    step = next((it for it in _TIME_STEPS if seconds / it <= _MOST_TIMES), round(seconds / _MOST_TIMES))
    for time in range(0, int(seconds) + 1, step):
        share = time / seconds
        if share <= _LAST_TIME:
            anchor = "middle" if time else "start"
            yield element("text", clock(time), x=f"{share * 100:.2f}%", y=_TIMES_Y, class_="time", text_anchor=anchor)


def _scale(checked: Checked) -> Markup:
    upper, _ = _limits(checked.peak_dbfs)
    target = checked.loudness_lufs
    return element(
        "svg",
        _word(upper, f"limit {checked.peak_dbfs:g} dB", "limit"),
        _word(_loudness_y(target, checked), f"target {target:g}", "target"),
        *(_word(_loudness_y(lufs, checked), f"{lufs} LUFS", "time") for lufs in _grid(checked)),
        aria_hidden="true",
        class_="scale",
        width=_SCALE_WIDTH,
        height=_HEIGHT,
    )


def _word(y: float, text: str, kind: str) -> Markup:
    return element("text", signed(text), x=8, y=f"{y + 4:.1f}", class_=kind)
