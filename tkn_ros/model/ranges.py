"""Checks of hyper-parameters: files of strangers name them, and a network is built of them.

All raise ValueError with the name, the value and what was expected.
"""

import math
from collections.abc import Sequence
from typing import Any

MAX_PARAMETERS = 1 << 28  # of a whole network; in float32 they take 1 GiB
MAX_MAP = 1 << 28  # numbers of the largest feature map of one frame, likewise
MAX_SIDE = 4096  # [pixel] of a network's input
MAX_WINDOW = 256  # frames observed


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """A whole number from low to high.

    Args:
        name: for the message.
        value: to check.
        low: least value.
        high: largest value.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f'{name} is {_short(value)}, expected a whole number from {low} to {high}')


def check_number(name: str, value: Any, low: float, high: float) -> None:
    """A finite number from low to high.

    Args:
        name: for the message.
        value: to check.
        low: least value.
        high: largest value.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f'{name} is {_short(value)}, expected a number from {low:g} to {high:g}')


def check_flag(name: str, value: Any) -> None:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError(f'{name} is {_short(value)}, expected true or false')


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """One of some words.

    Args:
        name: of the setting.
        value: that it has.
        choices: that it may have.

    Raises:
        ValueError: if it has another.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f'{name} is "{_short(value)}", expected one of {", ".join(choices)}')


def whole_numbers(name: str, value: Any, low: int, high: int) -> tuple[int, ...]:
    """1 to 16 whole numbers from low to high, as a tuple; JSON has lists.

    Args:
        name: for the message.
        value: to check.
        low: least value of each.
        high: largest value of each.
    """
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 16:
        raise ValueError(f'{name} is {_short(value)}, expected a list of 1 to 16 whole numbers')
    for i, entry in enumerate(value):
        check_whole(f'{name}[{i}]', entry, low, high)
    return tuple(value)


def check_product(name: str, value: int, high: int) -> None:
    """What follows from several numbers together.

    Args:
        name: of these settings.
        value: of their product.
        high: the largest that is allowed.

    Raises:
        ValueError: if it is larger.
    """
    if value > high:
        raise ValueError(f'{name}: the sizes together make {value}, expected at most {high}')


def _short(value: Any) -> str:
    """A value in a message: a stranger's may be endless."""
    text = str(value)
    return text if len(text) <= 60 else text[:57] + '...'
