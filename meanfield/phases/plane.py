"""A plane of parameters of the model: two of gamma, J0 and temperature over ranges, the third fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model, ParameterError, require_finite

Array = NDArray[np.float64]
Name = Literal["gamma", "j0", "temperature"]
PLANES: dict[str, tuple[Name, Name]] = {
    "j0-gamma": ("j0", "gamma"),
    "gamma-temperature": ("gamma", "temperature"),
    "j0-temperature": ("j0", "temperature"),
}
# Temperatures down to zero are followed to this fraction of the range, where nothing changes any more.
COLDEST = 2e-4


@dataclass(frozen=True)
class Axis:
    """One axis with its coordinate t in [0, 1]; ``inverse`` makes t linear in 1/value, as in KH98 Fig. 1b."""

    name: Name
    low: float
    high: float
    inverse: bool = False

    def value(self, t: float) -> float:
        """The parameter at coordinate ``t``, beyond [0, 1] too; NaN where there is none."""
        if not self.inverse:
            return self.low + t * (self.high - self.low)
        inverse = 1.0 / self.high + t * (1.0 / self.low - 1.0 / self.high)
        return 1.0 / inverse if inverse > 0.0 else np.nan

    def coordinate(self, value: float) -> float:
        """Inverse of `value`."""
        if not self.inverse:
            return (value - self.low) / (self.high - self.low)
        return (1.0 / value - 1.0 / self.high) / (1.0 / self.low - 1.0 / self.high)


@dataclass(frozen=True)
class Plane:
    """The model and temperature at every point (t_x, t_y) of the unit square."""

    x: Axis
    y: Axis
    model: Model
    temperature: float
    reaches_zero: bool = False  # an axis of temperature that was asked for from T = 0 on

    @classmethod
    def build(cls, name: str, model: Model, temperature: float, ranges: dict[str, tuple[float, float]]) -> Plane:
        """The plane ``name`` (a key of `PLANES`) over ``ranges`` of its two axes, the rest from ``model``."""
        if name not in PLANES:
            raise ParameterError(f"plane must be one of {', '.join(PLANES)}, got {name!r}")
        if model.potential == "ising" and "gamma" in PLANES[name]:
            raise ParameterError("gamma has no meaning for Ising spins: choose the plane j0-temperature")
        axes: list[Axis] = []
        reaches_zero = False
        for axis in PLANES[name]:
            low, high = (require_finite(axis, value) for value in ranges[axis])
            if not low < high:
                raise ParameterError(f"the range of {axis} must have low < high, got {low:g}:{high:g}")
            if axis == "gamma" and low <= 0.0:
                raise ParameterError(f"gamma must be positive, got {low:g}")
            if axis == "temperature":
                if low < 0.0:
                    raise ParameterError(f"temperature must not be negative, got {low:g}")
                reaches_zero = low == 0.0
                low = max(low, COLDEST * high)
            axes.append(Axis(axis, low, high, inverse=name == "j0-gamma" and axis == "gamma"))
        x, y = axes
        return cls(x, y, replace(model, field=abs(model.field)), temperature, reaches_zero)

    @property
    def varies_temperature(self) -> bool:
        """Whether temperature is an axis (then always the second one)."""
        return self.y.name == "temperature"

    def at(self, t: Array) -> tuple[Model, float]:
        """Model and temperature at the coordinates ``t`` (2,); `ParameterError` where there is none."""
        values = {self.x.name: self.x.value(float(t[0])), self.y.name: self.y.value(float(t[1]))}
        temperature = values.pop("temperature", self.temperature)
        if not temperature >= 0.0:
            raise ParameterError("temperature must not be negative")
        return replace(self.model, **values), temperature  # type: ignore[arg-type]
