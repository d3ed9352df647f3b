"""The one folder for what can be made again: prepared clips, converted graphs."""

from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """This user's cache folder of tkn_ros by the platform's rules; not created.

    On Linux it is $XDG_CACHE_HOME/tkn_ros, or ~/.cache/tkn_ros.
    """
    return platformdirs.user_cache_path('tkn_ros', appauthor=False)
