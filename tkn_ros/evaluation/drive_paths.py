"""Predicted paths of a drive beside where the same keypoints were seen later, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from tkn_ros.evaluation.drive import DriveStep
from tkn_ros.streaming.path_errors import PATH_METHODS, PathErrors, PathJudge, stamped_paths


class DrivePaths:
    """Judges every prediction of a drive. A row of a few numbers is held for each.

    Attributes:
        rows: of each prediction {stamp_ns, active, points, err, err_stay, err_constant_velocity},
            errors in 1/64 of the width, None where nothing could be judged.
        sums: (3, m), errors by `PATH_METHODS` over all points.
        points: that were judged.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.sums: np.ndarray | None = None
        self.points = 0
        self.judged = 0
        self._judge = PathJudge()
        self._by_stamp: dict[int, dict[str, Any]] = {}

    def add(self, step: DriveStep) -> None:
        """The next image."""
        if step.restarted:
            self._judge.clear()
            self._by_stamp.clear()
        if step.prediction is None:
            return
        paths = stamped_paths(step.prediction, step.geometry)
        row = {
            'stamp_ns': step.stamp_ns,
            'logged_ns': step.logged_ns,
            'message': step.number,
            'active': int(step.prediction.active.sum()),
            'points': 0,
            **{_name(method): None for method in PATH_METHODS},
        }
        self.rows.append(row)
        self._by_stamp[step.stamp_ns] = row
        self._take(self._judge.add(paths))

    def end(self) -> None:
        """Nothing more comes."""
        self._take(self._judge.end())

    @property
    def unmatched(self) -> int:
        """Predictions a part of whose future did not come."""
        return self._judge.unmatched

    def _take(self, found: list[PathErrors]) -> None:
        for errors in found:
            row = self._by_stamp.pop(errors.stamp_ns, None)
            self.judged += 1
            if row is None or not errors.points:
                continue
            row['points'] = errors.points
            means = errors.errors.mean(1) / errors.points  # (3,)
            row.update({_name(k): round(float(v), 4) for k, v in zip(PATH_METHODS, means)})
            self.sums = errors.errors if self.sums is None else self.sums + errors.errors
            self.points += errors.points

    def per_step(self) -> list[dict[str, Any]]:
        """Mean errors of each step over all points, in 1/64 of the width."""
        if self.sums is None:
            return []
        return [
            {'step': j + 1, **{_name(k): round(float(v), 4) for k, v in zip(PATH_METHODS, column)}}
            for j, column in enumerate((self.sums / self.points).T)
        ]


def _name(method: str) -> str:
    return 'err' if method == 'model' else f'err_{method}'
