"""Results of long runs as JSON, so that a stopped one goes on where it was."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class ResultsError(ValueError):
    """A file of results that cannot be continued; the message says why and what to do."""


def open_results(
    path: Path, settings: dict[str, Any], tables: Sequence[str] = ('rows',)
) -> dict[str, Any]:
    """What `path` holds, {"settings": .., <table>: {..}, ..}, or an empty set of it.

    Raises ResultsError where it is of other settings, or no results at all.

    Args:
        path: the file.
        settings: what the results depend on.
        tables: that it must hold.
    """
    if not path.is_file():
        return {'settings': settings, **{name: {} for name in tables}}
    try:
        results = json.loads(path.read_text())
        found = results['settings']
        if not all(isinstance(results[name], dict) for name in ('settings', *tables)):
            raise TypeError(f'settings, {", ".join(tables)} are expected to be tables')
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f'{path}: not results of this command ({error!r}); remove it or give another --out'
        ) from None
    for name, value in settings.items():
        if found.get(name) != value:
            raise ResultsError(
                f'{path} is of {name} {found.get(name)}, and now it is {value}; '
                'give another --out or the same settings'
            )
    return results
