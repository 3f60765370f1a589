"""Clips written to files as users have them."""

from fractions import Fraction

import numpy as np

FRAMES, SIZE = 6, 16


def moving(frames=FRAMES, height=SIZE, width=SIZE, seed=0):
    """Bytes (frames, height, width, 3) of smooth colours that drift."""
    y, x, t = np.meshgrid(np.arange(height), np.arange(width), np.arange(frames), indexing="ij")
    phase = np.random.default_rng(seed).uniform(0, 6, 3)
    waves = [
        np.sin(x / 7 + t / 5 + phase[0]),
        np.sin(y / 6 - t / 7 + phase[1]),
        np.cos((x + y) / 9 + t / 6 + phase[2]),
    ]
    return np.moveaxis(np.stack(waves, -1) * 110 + 128, 2, 0).astype(np.uint8)


def write_pictures(folder, frames, kind="png"):
    from PIL import Image

    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number}.{kind}")


def write_movie(path, frames, codec, pixels="yuv420p", rotation=0, start=0, sound=None, **options):
    """Write frames at 10 a second from a time on, with seconds of silence in a codec if given."""
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=10, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        if rotation:
            stream.set_display_rotation(rotation)
        silent = sound and file.add_stream(sound[0], rate=48_000, layout="mono")
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = 10 * start + number, Fraction(1, 10)
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
        if sound:
            silence = np.zeros((1, 48_000 * sound[1]), np.float32)
            samples = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
            samples.rate = 48_000
            file.mux(silent.encode(samples))
            file.mux(silent.encode())
