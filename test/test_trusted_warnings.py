"""A least trust in the predictions, demanded by the warning node."""

import pytest
from hand_made import moving, settings, zone
from ros_rig import ros_or_skip

from tkn_ros.warning.decision import Level, Warner

ros_or_skip()

from test_nodes_warning import ZONE, WarningRig  # noqa: E402

from tkn_ros.msg import DangerWarning, Trust  # noqa: E402

FAR, NEAR = ((5, 50), (0, 0)), ((27, 50), (20, 0))


def test_without_trust_every_zone_is_at_least_caution():
    warner = Warner(settings(zone()))
    still = moving(*FAR)
    (said,) = warner.update(still, trusted=False)
    assert (said.level, said.untrusted, said.changed) == (Level.CAUTION, True, True)
    later = moving(*FAR, step=1)
    (said,) = warner.update(later)
    assert (said.level, said.untrusted, said.changed) == (Level.OK, False, True)


def test_danger_stays_danger_without_trust():
    warner = Warner(settings(zone()))
    (said,) = warner.update(moving(*NEAR), trusted=False)
    assert (said.level, said.untrusted) == (Level.DANGER, True)


@pytest.mark.parametrize(
    ('trust', 'level', 'untrusted'),
    [
        (None, DangerWarning.CAUTION, True),  # no evaluator is there
        (0.2, DangerWarning.CAUTION, True),
        (0.4, DangerWarning.OK, False),
        (float('nan'), DangerWarning.OK, False),  # nothing moved
    ],
)
def test_the_node_asks_the_evaluator(station, tmp_path, trust, level, untrusted):
    name = f'trust{abs(hash(str(trust))) % 10**6}'
    zones = tmp_path / 'zones.yaml'
    zones.write_text(ZONE % 'door')
    with WarningRig(station, tmp_path, name, zones=zones, least_trust=0.3) as rig:
        if trust is not None:
            out = station.publisher(Trust, f'/{name}/trust')
            station.wait(out.get_subscription_count, 'the node', log=rig.log)
            out.publish(Trust(trust=trust))
            station.spin(0.5)
        (said,) = rig.send(*FAR).warnings
        assert (said.level, said.untrusted) == (level, untrusted)
