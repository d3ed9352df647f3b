"""Recordings of strangers: small files that claim to be large, and what is none at all."""

import io
import os
import resource
import struct
import subprocess
import sys
import zipfile
import zlib

import av
import cv2
import lz4.frame
import numpy as np
import pytest
from backports import zstd
from bags import PredictionBag
from small_models import moving_square

from tkn_ros.datasets.find import find_recordings
from tkn_ros.streaming.keypoint_rows import read_rows
from tkn_ros.video import bounded_bags, limits
from tkn_ros.video.encodings import compressed_to_rgb, to_rgb
from tkn_ros.video.frame import VideoError
from tkn_ros.video.open import open_source
from tkn_ros.video.writers import write_image, write_video

SIDE = 30_000


def png_bomb(side: int = SIDE) -> bytes:
    """A header, and little behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))

    header = struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', pixels) + chunk(b'IEND', b'')
    )


def jpeg_bomb(side: int = SIDE) -> bytes:
    """A small JPEG whose header says another size."""
    data = bytearray(cv2.imencode('.jpg', np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    at = data.index(b'\xff\xc0')
    data[at + 5 : at + 9] = struct.pack('>HH', side, side)
    return bytes(data)


def peak_mib(code: str) -> float:
    """Largest resident memory of a program [MiB] beyond that of its imports."""
    program = (
        'import resource, sys\n'
        'from tkn_ros.video.open import open_source\n'
        'from tkn_ros.video.encodings import compressed_to_rgb\n'
        'from tkn_ros.datasets.find import find_recordings\n'
        'from tkn_ros.video.frame import VideoError\n'
        'peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n'
        'before = peak()\n'
        f'try:\n    {code}\nexcept VideoError as error:\n    print(error, file=sys.stderr)\n'
        'else:\n    sys.exit("nothing was refused")\n'
        'print(peak() - before)'
    )
    done = subprocess.run(
        [sys.executable, '-c', program],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)),
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.parametrize('bomb', [jpeg_bomb(), png_bomb()], ids=['jpeg', 'png'])
def test_a_picture_that_claims_to_be_huge_costs_nothing(bomb, tmp_path):
    assert len(bomb) < 2000
    with pytest.raises(VideoError, match=r'30000x30000 pixels, more than the \d+ allowed|hundreds'):
        compressed_to_rgb('jpeg', bomb)
    (tmp_path / 'a.jpg').write_bytes(bomb)
    with pytest.raises(VideoError, match='none of its 1 images can be decoded .a.jpg: '):
        open_source(tmp_path)
    (tmp_path / 'bomb').write_bytes(bomb)
    code = f'compressed_to_rgb("jpeg", open({str(tmp_path / "bomb")!r}, "rb").read())'
    assert peak_mib(code) < 50


def test_a_raw_image_beyond_the_bound():
    with pytest.raises(VideoError, match='picture is 5000x4000 pixels'):
        to_rgb('mono8', 4000, 5000, 5000, False, bytes(4000 * 5000))


def test_the_bound_can_be_chosen(monkeypatch):
    picture = cv2.imencode('.png', np.zeros((100, 120, 3), np.uint8))[1].tobytes()
    monkeypatch.setattr(limits, '_allowed', 0)
    monkeypatch.setenv(limits.VARIABLE, '11999')
    with pytest.raises(VideoError, match='120x100 pixels, more than the 11999 allowed'):
        compressed_to_rgb('png', picture)
    limits.allow_pixels(12_000)
    assert compressed_to_rgb('png', picture).shape == (100, 120, 3)
    for wrong in ('many', '0', '-5', '1e9', str(10**12)):
        monkeypatch.setattr(limits, '_allowed', 0)
        monkeypatch.setenv(limits.VARIABLE, wrong)
        with pytest.raises(VideoError, match=f'{limits.VARIABLE} is "{wrong}", expected pixels'):
            compressed_to_rgb('png', picture)


def test_a_jpeg_of_endless_scans():
    data = cv2.imencode('.jpg', np.zeros((64, 64, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[
        1
    ].tobytes()
    assert compressed_to_rgb('jpeg', data).shape == (64, 64, 3)
    with pytest.raises(VideoError, match='more than 100 scans'):
        compressed_to_rgb('jpeg', data[:-2] + b'\xff\xda\x00\x08' * 200)


def npz(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def npy_header(shape: str, kind: str = '|u1') -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + '\n'
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(text)) + text.encode()


@pytest.mark.parametrize(
    'name, data',
    [
        ('cut.npz', npz({'a.npy': npy_header('(1, 8, 8, 3)') + bytes(192)})[:-30]),
        ('text.npz', b'hello'),
        ('empty.npz', b''),
        ('none.npz', npz({})),
        ('negative.npz', npz({'a.npy': npy_header('(-1, 8, 8, 3)') + bytes(192)})),
        ('larger.npz', npz({'a.npy': npy_header('(1000000, 100, 100, 3)') + bytes(9)})),
        ('object.npz', npz({'a.npy': npy_header('(1,)', '|O') + bytes(9)})),
        ('other.npz', npz({'a.txt': b'hello'})),
        ('negative.npy', npy_header('(-1, 8, 8, 3)') + bytes(192)),
        ('larger.npy', npy_header('(1000000, 100, 100, 3)') + bytes(9)),
        ('huge.npy', npy_header('(9999999999, 9999999999, 9999999999, 3)') + bytes(9)),
        ('object.npy', npy_header('(1,)', '|O') + bytes(9)),
        ('text.npy', b'hello, this is text\n' * 10),
        ('empty.npy', b''),
        ('wide.npy', npy_header('(1, 5000, 5000, 3)') + bytes(75_000_000)),
    ],
)
def test_arrays_that_are_none(name, data, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(VideoError) as error:
        find_recordings(path)[0].open()
    said = str(error.value)
    assert said.startswith(str(path)) and '\n' not in said and 'allow_pickle' not in said
    if name.endswith('.npz'):
        with pytest.raises(VideoError, match='not keypoints'):
            read_rows(path)


def test_an_archive_that_unpacks_to_gigabytes(tmp_path):
    """The member's size is known before anything is unpacked."""
    path = tmp_path / 'bomb.npz'
    with (
        zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive,
        archive.open('a.npy', 'w', force_zip64=True) as member,
    ):
        member.write(npy_header('(8, 1000, 100000, 3)'))
        for _ in range(80):
            member.write(bytes(30_000_000))
    assert path.stat().st_size < 3_000_000
    with pytest.raises(VideoError, match=r'unpacks to \d+ bytes, more than the \d+ allowed'):
        find_recordings(path)[0].open()
    assert peak_mib(f'find_recordings({str(path)!r})[0].open()') < 50


@pytest.mark.parametrize('pack', [zstd.compress, lz4.frame.compress], ids=['zstd', 'lz4'])
def test_a_chunk_of_a_bag_that_unpacks_to_gigabytes(pack, tmp_path, monkeypatch):
    path = tmp_path / 'bomb.mcap'
    with PredictionBag(path) as bag:
        for i, image in enumerate(moving_square(8, 48, 64)):
            bag.image('/camera', 10**9 + i, image)
    monkeypatch.setattr(bounded_bags, 'MAX_PART', 1000)
    with pytest.raises(VideoError, match='unpacks to more than 1000 bytes'):
        open_source(path)
    bounded_bags.bound_rosbags()
    name = 'zstd' if pack is zstd.compress else 'lz4'
    from rosbags.rosbag2.storage_mcap import DECOMPRESSORS

    assert DECOMPRESSORS[name](pack(bytes(1000)) + pack(b''), 0) == bytes(1000)
    with pytest.raises(VideoError, match='more than 1000 bytes'):
        DECOMPRESSORS[name](pack(bytes(10**7)), 0)
    with pytest.raises(VideoError, match='cut off'):
        DECOMPRESSORS[name](pack(bytes(900))[:-3], 0)


def test_a_video_of_huge_frames(tmp_path):
    path = tmp_path / 'bomb.mp4'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=25)
        stream.width, stream.height, stream.pix_fmt = 8000, 4000, 'yuv420p'
        picture = av.VideoFrame.from_ndarray(np.zeros((4000, 8000, 3), np.uint8), format='rgb24')
        container.mux(stream.encode(picture))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match='8000x4000 pixels, more than|no frame can be decoded'):
        open_source(path)


def test_a_video_whose_metadata_are_no_text(tmp_path):
    path = tmp_path / 'odd.mp4'
    write_video(path, moving_square(3, 48, 64), 25)
    data = path.read_bytes()
    assert b'Lavf' in data
    path.write_bytes(data.replace(b'Lavf', b'\xff\xfe\xfd\xfc'))
    assert open_source(path).count() == 3


@pytest.mark.parametrize('name', ['a.mp4', 'a.png', 'a.npy', 'a.npz', 'a.mcap', 'a.bag', 'a'])
def test_a_pipe_is_not_waited_for(name, tmp_path):
    path = tmp_path / name
    os.mkfifo(path)
    for opener in (open_source, find_recordings):
        with pytest.raises(VideoError, match='is a pipe, socket or device; give a recording'):
            opener(path)


def test_folders_and_pipes_named_as_pictures_are_none(tmp_path):
    image = moving_square(1, 48, 64)[0]
    write_image(tmp_path / '0.png', image)
    (tmp_path / '1.png').mkdir()
    os.mkfifo(tmp_path / '2.png')
    assert open_source(tmp_path).count() == 1
    (tmp_path / 'only' / 'x.png').mkdir(parents=True)
    with pytest.raises(VideoError, match='neither images nor a rosbag'):
        open_source(tmp_path / 'only')
