"""Types that every layer uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Progress = Callable[[int, int], None]
"""Called with (done, total); a total of 0 is not known yet."""
IsCancelled = Callable[[], bool]
"""Asked between two pieces of work whether the rest is still wanted."""

Source = str | Path | bytes
"""A file: its path or its content."""

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
"""Numbers of rows in a matrix or table."""
Vectors = npt.NDArray[np.float32]
"""(N, C), a row a picture or text."""
