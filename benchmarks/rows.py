"""Rows of the table: their targets, and what a round measures for them."""

from dataclasses import dataclass
from typing import NamedTuple


class Value(NamedTuple):
    """What one round has measured for one row, and in words what it was made of."""

    value: float
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One row of the table, and its target, if it has one."""

    what: str
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def target(self) -> str:
        """Return the target as the table shows it."""
        if self.at_least is not None:
            return f">= {self.at_least:g}{self.unit}"
        return "-" if self.at_most is None else f"<= {self.at_most:g}{self.unit}"

    def score(self, value: float) -> float | None:
        """Return how good the value is, as a share of the target: 1 or more reaches it."""
        if self.at_least is not None:
            return value / self.at_least
        return None if self.at_most is None else self.at_most / max(value, 1e-9)
