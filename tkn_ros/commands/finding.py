"""What `tkn doctor` says of one thing: how it is, and what to do."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Finding:
    """One line of the doctor.

    Attributes:
        name: what was looked at.
        status: `ok`, `warning` (works, but not as well as it could) or `problem`.
        text: how it is.
        todo: what to do about it; '' where nothing is.
        figures: what was measured, for `--json`.
    """

    name: str
    status: Literal['ok', 'warning', 'problem']
    text: str
    todo: str = ''
    figures: dict[str, Any] = field(default_factory=dict)
