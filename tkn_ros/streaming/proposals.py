"""Where new keypoints go: peaks of what moves, those first that nobody watches yet."""

import cv2
import numpy as np

GAP = 5  # pixels between proposals
CORNER = 5e-4  # least eigenvalue that a second point of a region must have
SHARE = 0.7  # of its region's best score that a second point of it must have
FAIR = 0.15  # .. and one far from others
FAR = 12.0  # pixels from all other points, from which on any peak is worth a point
TRIES = 3  # for a region that has no point
PROPOSALS = 12  # tried in one frame
SPREAD = 5.0  # pixels between two that are tried in one frame


def distance_to_nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, 2) and (M, 2) -> (N,): how far each is from the nearest of the others."""
    if not len(others):
        return np.full(len(points), np.inf)
    return np.linalg.norm(points[:, None] - others[None], axis=-1).min(1)


def find_peaks(
    grey: np.ndarray, motion: np.ndarray, labels: np.ndarray, taken: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Places that move, lie well inside of what does, and can be followed.

    Args:
        grey: (h, w) uint8.
        motion: (rows, columns) float32 in [0, 1], the network's map.
        labels: (rows, columns) int, the moving region of each cell; 0: none.
        taken: (M, 2), points that there are.

    Returns:
        (N, 2) float32 positions, (N,) scores, the regions' labels and which are good corners.
    """
    size = grey.shape[::-1]
    around = round(17 * motion.shape[1] / grey.shape[1]) | 1  # cells
    inside = cv2.GaussianBlur(motion, (0, 0), 4 * motion.shape[1] / grey.shape[1])
    highest = cv2.dilate(inside, np.ones((around, around), np.uint8))
    inside = inside / np.maximum(highest, 1e-3)
    weight = cv2.resize((inside * motion) ** 2, size, interpolation=cv2.INTER_LINEAR)
    region = cv2.resize(labels.astype(np.int16), size, interpolation=cv2.INTER_NEAREST)
    corner = cv2.cornerMinEigenVal(grey, 3, ksize=3)
    score = np.sqrt(np.sqrt(np.maximum(corner, 0))) * weight
    free = (region > 0).astype(np.uint8)
    for x, y in np.rint(taken).astype(int).tolist():
        cv2.circle(free, (x, y), GAP, 0, -1)
    score *= free
    score[:3] = score[-3:] = 0
    score[:, :3] = score[:, -3:] = 0
    highest = cv2.dilate(score, np.ones((2 * (GAP // 2) + 1,) * 2, np.uint8))
    y, x = np.nonzero((score >= highest) & (score > 1e-6))
    place = np.stack([x, y], 1).astype(np.float32)
    return place, score[y, x], region[y, x], corner[y, x] > CORNER


def select_peaks(
    place: np.ndarray,
    score: np.ndarray,
    region: np.ndarray,
    strong: np.ndarray,
    held: np.ndarray,
    apart: np.ndarray,
    company: bool,
) -> np.ndarray:
    """Which of N peaks to try, at most PROPOSALS: empty regions first, then empty places.

    Args:
        place: (N, 2) positions.
        score: (N,) of `find_peaks`.
        region: (N,) each one's region.
        strong: (N,) bool, good corners.
        held: (regions,) points that each has.
        apart: (N,) distance to the nearest point that moves [pixel].
        company: whether there is room for second points close to others.
    """
    best = np.zeros(len(held))
    np.maximum.at(best, region, score)
    order = np.argsort(-score, kind='stable')
    rank = np.empty(len(order), int)
    rank[order] = _rank(region[order])
    empty = (held[region] == 0) & (rank < TRIES)  # more than one try for an empty region
    fit = empty | ((apart > FAR) & (score > FAIR * best[region]))
    if company:
        fit |= strong & (score > SHARE * best[region])
    tier = np.where(empty, rank, TRIES + 3 - np.digitize(apart, (FAR / 2, FAR, 2 * FAR)))
    order = np.lexsort((-score, tier))
    chosen: list[int] = []
    for i in order[fit[order]]:
        if distance_to_nearest(place[i][None], place[chosen])[0] >= SPREAD:
            chosen.append(i)
            if len(chosen) == PROPOSALS:
                break
    return np.array(chosen, int)


def _rank(groups: np.ndarray) -> np.ndarray:
    """How many equal values stand before each: [5, 7, 5] -> [0, 0, 1]."""
    order = np.argsort(groups, kind='stable')
    ordered = groups[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]]
    start = np.maximum.accumulate(np.where(first, np.arange(len(groups)), 0))
    rank = np.empty(len(groups), int)
    rank[order] = np.arange(len(groups)) - start
    return rank
