"""Videos and folders of images, made on the spot."""

import av
import cv2
import numpy as np


def scene(number, height=48, width=64):
    """A smooth picture whose brightness tells its number."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x + 4 * number, y + 4 * number, x // 2 + 4 * number], 2).astype(np.uint8)


def make_video(
    path,
    count=20,
    codec='libx264',
    pix_fmt='yuv420p',
    rate=25,
    pts=None,
    time_base=None,
    size=(48, 64),
    noise=False,
):
    rng = np.random.default_rng(0)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = pix_fmt
        if codec == 'mpeg4':
            stream.bit_rate = 8_000_000
        if time_base:
            stream.codec_context.time_base = time_base
        for number in range(count):
            image = rng.integers(0, 255, (*size, 3), np.uint8) if noise else scene(number, *size)
            picture = av.VideoFrame.from_ndarray(image, format='rgb24')
            if pts:
                picture.pts, picture.time_base = pts[number], stream.codec_context.time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def write_images(folder, names, size=(12, 16)):
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), scene(number, *size)[..., ::-1])
    return folder
