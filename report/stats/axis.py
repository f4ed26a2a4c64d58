# SPDX-License-Identifier: Apache-2.0
"""The axis of a question: what is varied, over which range, on which scale.

All fitting is done in the unit coordinate u in [0, 1], in which `lo` is 0 and `hi` is 1: linearly, or
linearly in log2 of the value. An interval "of 0.03 of the axis" is 0.03 in u.
"""

import dataclasses
import math

# Fields whose values are counts: a value between two integers cannot be measured.
_INTEGER_FIELDS = ("population", "threads", "ops", "keys.distinct", "key_bytes", "value_bytes")
# Fields that are shares between 0 and 1 and are shown as percents.
_SHARE_FIELDS = ("keys.reuse", "keys.hot_fraction", "keys.hot_share", "prefill")
_SUFFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "K"))


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis. `values` are the points screened (continuous) or all points there are (discrete)."""

    name: str
    field: str
    scale: str
    lo: float
    hi: float
    unit: str
    values: tuple
    discrete: bool

    @classmethod
    def from_entry(cls, entry):
        """The axis of a catalogue entry (or of a bare axis object, then continuous).

        Raises ValueError, in one sentence, when the entry describes no usable axis.
        """
        raw = entry.get("axis", entry)
        if not isinstance(raw, dict):
            raise ValueError(f"question {entry.get('name')!r} has no axis; give it one or make it of kind 'cells'.")
        name = raw.get("name", raw.get("field", "axis"))
        values = tuple(sorted({float(v) for v in raw.get("values", ())}))
        lo = float(raw["lo"]) if raw.get("lo") is not None else (values[0] if values else math.nan)
        hi = float(raw["hi"]) if raw.get("hi") is not None else (values[-1] if values else math.nan)
        scale = raw.get("scale", "linear")
        if scale not in ("linear", "log2"):
            raise ValueError(f"axis {name!r} has the unknown scale {scale!r}; use 'linear' or 'log2'.")
        if not lo < hi:
            # One value only: a degenerate range is widened so that the unit coordinate exists.
            if not (math.isfinite(lo) and lo == hi):
                raise ValueError(f"axis {name!r} runs from {lo} to {hi}; give lo < hi, or values.")
            hi = lo * 2 if scale == "log2" else lo + 1
        if scale == "log2" and lo <= 0:
            raise ValueError(f"axis {name!r} is log2 but begins at {lo}; begin above 0 or use 'linear'.")
        if not values:
            values = _default_values(lo, hi, scale)
            if _is_integer(raw.get("field", "")):
                values = tuple(sorted({float(round(v)) for v in values}))
        return cls(name, raw.get("field", ""), scale, lo, hi, raw.get("unit", "") or "", values,
                   entry.get("kind") == "discrete" or bool(raw.get("discrete", False)))

    @property
    def integer(self):
        """Whether only whole values can be measured."""
        return _is_integer(self.field)

    def to_unit(self, x):
        """The coordinate in [0, 1] of the value x (values outside lo..hi fall outside [0, 1])."""
        if self.scale == "log2":
            return (math.log2(x) - math.log2(self.lo)) / (math.log2(self.hi) - math.log2(self.lo))
        return (x - self.lo) / (self.hi - self.lo)

    def from_unit(self, u):
        """The value at coordinate u; not rounded, see `snap`."""
        if self.scale == "log2":
            return 2.0 ** (math.log2(self.lo) + u * (math.log2(self.hi) - math.log2(self.lo)))
        return self.lo + u * (self.hi - self.lo)

    def snap(self, x):
        """The measurable value nearest to x: an integer for counts, else five significant digits of the range."""
        x = min(max(x, self.lo), self.hi)
        for value in self.values:
            if math.isclose(x, value, rel_tol=1e-9, abs_tol=1e-12):
                return value
        if self.integer:
            return float(round(x))
        if self.scale == "log2":
            return float(f"{x:.6g}")
        digits = max(0, 5 - math.floor(math.log10(self.hi - self.lo)) - 1)
        return round(x, digits)

    def format(self, x):
        """x for people: 1M, 83 %, 1.2; with the unit when there is one."""
        if x is None or not math.isfinite(x):
            return "unknown"
        if self.unit == "%":
            return f"{_short(x, 3)} %"
        if self.field in _SHARE_FIELDS:
            return f"{_short(100 * x, 3)} %"
        if self.field.startswith("mix."):
            return f"{_short(x, 3)} %"
        text = format_count(x) if self.scale == "log2" or self.integer else _short(x, 3)
        return f"{text} {self.unit}" if self.unit else text

    def format_interval(self, low, high):
        """An interval for people: "between 8 and 16" on a discrete axis, else "81 % to 84 %"."""
        if self.discrete:
            return f"between {self.format(low)} and {self.format(high)}"
        return f"{self.format(low)} to {self.format(high)}"


def _is_integer(field):
    return field in _INTEGER_FIELDS or field.startswith("tunable:")


def format_count(x):
    """A count with a decimal suffix and three significant digits: 1e6 -> 1M, 1500 -> 1.5K, 12 -> 12."""
    for size, suffix in _SUFFIXES:
        if abs(x) >= size * 0.9995:
            return _short(x / size, 3) + suffix
    return _short(x, 3)


def _short(x, digits):
    """x with at most `digits` significant digits and no exponent."""
    if x == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(x))))
    text = f"{x:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _default_values(lo, hi, scale):
    """Seven screening points, even on the axis's own scale."""
    if scale == "log2":
        return tuple(lo * (hi / lo) ** (i / 6) for i in range(7))
    return tuple(lo + (hi - lo) * i / 6 for i in range(7))
