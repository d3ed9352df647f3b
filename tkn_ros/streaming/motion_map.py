"""What the network's map of motion says at places of the grey picture."""

import numpy as np

MOVING = 0.4  # of the map, from which on a place does


def value_at(values: np.ndarray, points: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """What a map says at points of the grey picture, (..,).

    Args:
        values: (rows, columns), the map.
        points: (.., 2) of the picture [pixel].
        grey: (h, w) uint8, the picture.
    """
    rows, columns = values.shape
    height, width = grey.shape
    cells = ((points + 0.5) * (columns / width, rows / height)).astype(int)
    x = np.minimum(np.maximum(cells[..., 0], 0), columns - 1)
    y = np.minimum(np.maximum(cells[..., 1], 0), rows - 1)
    return values[y, x]
