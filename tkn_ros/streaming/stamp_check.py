"""What time an image is taken for: its stamp, or when it came, where there is no usable stamp.

Stamps are only compared with each other, so a camera whose clock is wrong is predicted like any
other, and what is predicted carries that clock's time. It is said, since whoever acts on the
predictions will compare them with their own clock.
"""

FROZEN = 5  # images in a row with one stamp, from which on it is no stamp
OLD_NS = 5_000_000_000
AHEAD_NS = 1_000_000_000


class StampCheck:
    """Of one camera.

    Attributes:
        problem: what is wrong with the newest image's stamp, without its figures; '' if nothing.
        detail: the same with its figures and what follows from it.
        age_ns: how old the newest image's stamp was when the image came.
    """

    def __init__(self) -> None:
        self.problem = self.detail = ''
        self.age_ns = 0
        self._newest, self._same = -1, 0

    def time_of(self, stamp_ns: int, arrival_ns: int) -> int:
        """The time to take an image for [ns].

        Args:
            stamp_ns: of its header.
            arrival_ns: when it came, on this machine's clock.
        """
        self._same = self._same + 1 if stamp_ns == self._newest else 0
        self._newest, self.age_ns = stamp_ns, arrival_ns - stamp_ns
        if stamp_ns <= 0 or self._same >= FROZEN:
            self.problem = 'stamps are zero' if stamp_ns <= 0 else 'the stamp stands still'
            self.detail = f'{self.problem}: images are taken for as old as they are here'
            self.age_ns = 0
            return arrival_ns
        self.problem = self.detail = ''
        if self.age_ns > OLD_NS:
            self.problem = 'stamps are old'
            self.detail = f'stamps are {self.age_ns / 1e9:.1f} s behind the clock of this node'
        elif self.age_ns < -AHEAD_NS:
            self.problem = 'stamps are in the future'
            self.detail = f'stamps are {-self.age_ns / 1e9:.1f} s ahead of the clock of this node'
        if self.problem:
            self.detail += (
                ', and so are the predictions: synchronise the clocks, or set use_sim_time '
                'for a recording or a simulator'
            )
        return stamp_ns
