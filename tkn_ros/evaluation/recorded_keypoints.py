"""Gathers from a bag's records what its keypoints are judged by, and has them judged."""

from collections import Counter

import numpy as np

from tkn_ros.evaluation.keypoint_figures import score_keypoints, shrink
from tkn_ros.evaluation.recorded_predictions import PredictionRecord
from tkn_ros.streaming.keypoint_rows import KeypointRows
from tkn_ros.video.drawing import KeypointPaths

MOST_FRAMES = 3000  # 230 MB at 4:3, 100 s at 30 Hz
FIGURES = (
    'active',
    'on_moving',
    'area_moving',
    'blobs_covered',
    'err',
    'err_stay',
    'err_velocity',
    'ratio_best',
    'within_sigma',
)


class KeypointCollector:
    """A bag's pictures, small and grey, and the keypoints that were predicted from each.

    Keeps the first MOST_FRAMES pictures and no more, for bags of any length: the figures
    are those of its beginning. Pictures of another size than the first, and those that are no later
    than the one before, are skipped.
    """

    def __init__(self) -> None:
        self.size: tuple[int, int] | None = None  # (height, width) of the images
        self.grey: list[np.ndarray] = []  # T times `shrink` of an image
        self.stamps: list[int] = []  # T, [ns]
        # index of the newest observed frame, paths, their future stamps
        self.predictions: list[tuple[int, KeypointPaths, list[int]]] = []

    def add(self, record: PredictionRecord) -> None:
        """The next record, in the order of the images, with its keypoints if it has any."""
        size = record.image.shape[:2]
        self.size = self.size or size
        late = self.stamps and record.stamp <= self.stamps[-1]
        if size != self.size or late or len(self.grey) == MOST_FRAMES:
            return
        if record.paths is not None:
            self.predictions.append((len(self.grey), record.paths, record.future_stamps))
        self.grey.append(shrink(record.image))
        self.stamps.append(record.stamp)

    def rows(self) -> KeypointRows | None:
        """The predictions as `score_keypoints` reads them, step j being j images after the newest.

        The steps of a prediction need not be those of the camera (a lower frame rate, jitter, a
        lost image), so positions and sigma are interpolated to the stamps of the images that came.
        Left out are predictions whose future is incomplete, and those of another horizon or
        number of keypoints than most. None: nothing is left.
        """
        shapes = Counter(paths.future.shape for _, paths, _ in self.predictions)
        usual = shapes.most_common(1)[0][0] if shapes else None
        stamps, found = np.array(self.stamps, np.int64), []
        jitter = int(np.median(np.diff(stamps))) // 2 if len(stamps) > 1 else 0
        for frame, paths, future in self.predictions:
            count = int(np.searchsorted(stamps, future[-1] + jitter, 'right')) - 1 - frame
            if paths.future.shape == usual and stamps[-1] + jitter >= future[-1]:
                found.append((frame, paths, future, count))
        steps = int(np.median([count for *_, count in found])) if found else 0
        found = [row for row in found if row[3] >= steps]
        if not steps or not found:
            return None
        futures = [_at(p, [stamps[t], *f], stamps[t + 1 : t + 1 + steps]) for t, p, f, _ in found]
        sigma = np.stack([wide for _, wide in futures])
        return KeypointRows(
            frame=np.array([t for t, *_ in found]),
            observed=np.stack([p.now[:, :2] for _, p, *_ in found]).astype(np.float32),
            predicted=np.stack([places for places, _ in futures]),
            active=np.stack([p.active for _, p, *_ in found]),
            sigma=sigma if sigma.any() else None,  # 0 throughout: unknown
            id=np.stack([p.ids for _, p, *_ in found]),
        )

    def figures(self) -> dict[str, float | None]:
        """FIGURES by name; those that nothing could be said of are None."""
        rows = self.rows()
        if rows is None or self.size is None:
            return dict.fromkeys(FIGURES)
        figures = score_keypoints(self.grey, self.size, rows)
        return {name: figures.get(name) for name in FIGURES}


def _at(
    paths: KeypointPaths, known_ns: list[int], wanted_ns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places (s, K, 2) and sigma (s, K) at the s moments asked for, from those at 1 + m known."""
    known = np.array(known_ns, np.int64)
    moments = np.interp((wanted_ns - known[0]) / 1e9, (known - known[0]) / 1e9, range(len(known)))
    before = np.minimum(moments.astype(int), len(known) - 2)
    share = moments - before

    def between(values: np.ndarray) -> np.ndarray:
        w = share.reshape(-1, *[1] * (values.ndim - 1))
        return (1 - w) * values[before] + w * values[before + 1]

    places = np.concatenate([paths.now[None, :, :2], paths.future[..., :2]])
    sigma = np.concatenate([np.zeros_like(paths.sigma[:1]), paths.sigma])
    return between(places).astype(np.float32), between(sigma).astype(np.float32)
