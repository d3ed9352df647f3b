"""What makes large images arrive over Fast DDS: environment variables of the processes we start.

A sender puts an image into its own segment of shared memory, by default 512 kB: not one picture of
640x480. A reliable image is then sent again by other ways, a best-effort one is lost. Either the
sender has a larger segment (`both_sides`), or the receiver refuses shared memory and has room for
bursts of UDP (`receiver`); docs/speed.md has the figures.
"""

from collections.abc import Mapping
from pathlib import Path

from tkn_ros.install import install_prefix

PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
"""The same by its name up to ROS 2 Jazzy, and from Kilted on."""
TRANSPORTS_VARIABLE = 'FASTDDS_BUILTIN_TRANSPORTS'
UDP_WITH_ROOM = 'UDPv4?max_msg_size=65500&sockets_size=4194304'
"""[byte]; where net.core.rmem_max allows less, less is taken."""


def profile() -> Path:
    """The installed config/fastdds.xml. Raises FileNotFoundError where nothing is installed."""
    return install_prefix() / 'share' / 'tkn_ros' / 'config' / 'fastdds.xml'


def configured(environment: Mapping[str, str]) -> bool:
    """Whether somebody chose transports already, which is then left as it is."""
    return any(environment.get(name) for name in (*PROFILE_VARIABLES, TRANSPORTS_VARIABLE))


def receiver(environment: Mapping[str, str]) -> dict[str, str]:
    """What to add for a process that subscribes to cameras whose settings are not ours."""
    return {} if configured(environment) else {TRANSPORTS_VARIABLE: UDP_WITH_ROOM}


def both_sides(environment: Mapping[str, str]) -> dict[str, str]:
    """What to add for processes that are all started by us, senders too."""
    if configured(environment):
        return {}
    return dict.fromkeys(PROFILE_VARIABLES, str(profile()))
