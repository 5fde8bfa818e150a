"""Cells: the finest grid, in which touches are kept, and the coarser ones that queries ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Cells of the finest grid in a row, and rows: each is 0.005 of the screen wide and high.
SIDE = 200
N_CELLS = SIDE * SIDE
# In finest cells: 0.005, 0.02 and 0.1 of the screen.
FINEST, DEFAULT, COARSEST = 1, 4, 20
# A share travels in 32 bits: that of 0.015 is a hair less. So near to the next cell it belongs there.
HAIR = 1e-5


def cells_of(places: NDArray[np.float64]) -> NDArray[np.int64]:
    """The finest cells of touches, whose x and y are a row each; one at 1.0 belongs to the last."""
    column, row = np.minimum((places * SIDE + HAIR).astype(np.int64), SIDE - 1)
    cells: NDArray[np.int64] = row * SIDE + column
    return cells


@dataclass(frozen=True)
class Grid:
    """Square cells of ``step`` finest ones a side; where that does not divide the screen, the last are narrower."""

    step: int

    @classmethod
    def of(cls, resolution: float) -> Grid:
        """The nearest multiple of 0.005, halves up; the default for 0."""
        if not resolution:
            return cls(DEFAULT)
        return cls(min(max(int(resolution * SIDE + 0.5 + HAIR), FINEST), COARSEST))

    @property
    def resolution(self) -> float:
        return self.step / SIDE

    @property
    def side(self) -> int:
        """Cells in a row, and rows."""
        return -(-SIDE // self.step)

    def cells(self) -> NDArray[np.uint16]:
        """The cell of this grid for each finest one."""
        finest = np.arange(N_CELLS)
        return ((finest // SIDE // self.step) * self.side + finest % SIDE // self.step).astype(np.uint16)

    def centres(self, cells: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x and y of the middle of each cell, as far as it lies on the screen."""
        edges = np.minimum(np.arange(self.side + 1) * self.step, SIDE) / SIDE
        middles = (edges[:-1] + edges[1:]) / 2
        return middles[cells % self.side], middles[cells // self.side]
