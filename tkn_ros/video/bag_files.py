"""The messages of a rosbag, whole or damaged, whatever its storage.

rosbags reads what is whole. What it refuses is read as far as it goes: an .mcap that was cut off
record by record, a folder without its metadata.yaml file by file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from mcap.exceptions import McapError
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader
from rosbags import rosbag1, rosbag2

from tkn_ros.video.bounded_bags import bound_rosbags
from tkn_ros.video.frame import VideoError

STORAGE_SUFFIXES = ('.mcap', '.db3')
PROBED = 4000  # messages of a cut file that are looked through for topics


class BagTopic(NamedTuple):
    """One topic of one file: its type, and how many messages the file announces."""

    topic: str
    msgtype: str
    msgcount: int


class BagReader(Protocol):
    """What is read from a bag: rosbags' readers have it too."""

    @property
    def connections(self) -> Any:
        """Each with topic, msgtype and msgcount."""

    def messages(self, connections: Any) -> Iterator[tuple[Any, int, bytes]]:
        """(connection, time of recording in ns, bytes) of these connections, in order."""


@dataclass
class CutMcap:
    """An .mcap that is not whole, read from its start to where it breaks off.

    Attributes:
        path: of the file.
        connections: of the topics found; their counts are 0, since none are announced.
        lost: what could not be read, one line.
    """

    path: Path
    connections: list[BagTopic] = field(default_factory=list)
    lost: str = ''

    def __post_init__(self) -> None:
        found: dict[str, BagTopic] = {}
        for schema, channel, _ in islice(self._records(), PROBED):
            found.setdefault(channel.topic, BagTopic(channel.topic, schema.name, 0))
        self.connections = list(found.values())

    def messages(self, connections: Iterable[BagTopic]) -> Iterator[tuple[BagTopic, int, bytes]]:
        """Those of the topics asked for, in the order of the file."""
        wanted = {connection.topic: connection for connection in connections}
        for _, channel, message in self._records():
            if channel.topic in wanted:
                yield wanted[channel.topic], message.log_time, message.data

    def _records(self) -> Iterator[tuple[Schema, Channel, Message]]:
        schemas: dict[int, Schema] = {}
        channels: dict[int, Channel] = {}
        size, good, self.lost = self.path.stat().st_size, 0, ''
        with self.path.open('rb') as stream:
            try:
                for record in StreamReader(stream).records:
                    good = stream.tell()
                    if isinstance(record, Schema):
                        schemas[record.id] = record
                    elif isinstance(record, Channel):
                        channels[record.id] = record
                    elif isinstance(record, Message) and record.channel_id in channels:
                        channel = channels[record.channel_id]
                        yield schemas[channel.schema_id], channel, record
            except Exception as error:  # as many kinds as there are ways to damage a file
                reason = ' '.join(str(error).split()) or type(error).__name__
                kind = '' if isinstance(error, McapError) else f'{type(error).__name__}: '
                self.lost = (
                    f'{self.path.name} breaks off: its last {size - good} of {size} bytes cannot '
                    f'be read ({kind}{reason})'
                )


@dataclass
class SplitFiles:
    """The files of a bag whose metadata.yaml is lost or does not serve, one after the other."""

    parts: list[Any]
    lost: str = ''

    @property
    def connections(self) -> list[Any]:
        """Of all files."""
        return [connection for part in self.parts for connection in part.connections]

    def messages(self, connections: Iterable[Any]) -> Iterator[tuple[Any, int, bytes]]:
        """Those of the topics asked for, file by file."""
        topics = {connection.topic for connection in connections}

        def of(part: Any) -> Iterator[tuple[Any, int, bytes]]:
            yield from part.messages([c for c in part.connections if c.topic in topics])

        yield from chain.from_iterable(map(of, self.parts))
        lost = [self.lost, *(getattr(part, 'lost', '') for part in self.parts)]
        self.lost = '; '.join(filter(None, dict.fromkeys(lost)))


@contextmanager
def opened(path: Path) -> Iterator[BagReader]:
    """A reader of the bag, opened; VideoError where nothing of it can be read.

    What had to be passed over is in the reader's `lost`, if it has one, once all was read.
    """
    is_ros1 = path.suffix == '.bag'
    bound_rosbags()
    try:
        reader = rosbag1.Reader(path) if is_ros1 else rosbag2.Reader(path)
        reader.open()
    except Exception as error:  # as many kinds as there are ways to damage a bag
        reason = ' '.join(str(error).split())
        with _rescued(path, reason) as rescued:
            yield rescued
        return
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def _rescued(path: Path, reason: str) -> Iterator[BagReader]:
    """What is left of a bag that rosbags refuses."""
    if path.suffix == '.mcap' and path.is_file():
        cut = CutMcap(path)
        if cut.connections:
            yield cut
            return
    files = storage_files(path)
    if not files:
        is_mcap = path.suffix == '.mcap' or any(path.glob('*.mcap'))
        repair = 'rosbag reindex' if path.suffix == '.bag' else 'ros2 bag reindex'
        raise VideoError(
            f'{path}: not a whole rosbag ({reason}); try '
            f'`{"mcap recover" if is_mcap else repair}` if the recording was cut off'
        )
    parts, refused, readers = [], [], []
    try:
        for file in files:
            manager = opened(file)
            try:
                parts.append(manager.__enter__())
                readers.append(manager)
            except VideoError as error:
                refused.append(str(error))
        if not parts:
            raise VideoError(f'{path}: {reason}; and of its files none can be read: {refused[0]}')
        if (path / 'metadata.yaml').exists():
            refused.insert(0, f'metadata.yaml does not serve ({reason})')
        yield SplitFiles(parts, '; '.join(refused))
    finally:
        for manager in readers:
            manager.__exit__(None, None, None)


def storage_files(folder: Path) -> list[Path]:
    """The .mcap and .db3 files of one bag in a folder by their number: bag_2 before bag_10.

    Empty where there are files of several bags.
    """
    if not folder.is_dir():
        return []
    numbered = []
    for path in folder.iterdir():
        if path.suffix in STORAGE_SUFFIXES and path.is_file():
            name, _, digits = path.stem.rpartition('_')
            alone = not digits.isdecimal()
            numbered.append((path.stem if alone else name, -1 if alone else int(digits), path))
    if len({name for name, *_ in numbered}) != 1:
        return []
    return [path for *_, path in sorted(numbered)]
