"""`tkn evaluate --bag`: the node's predictions, damaged bags, many bags."""

import json
import re
import shutil
import sys
from dataclasses import replace

import pytest
from bags import STORE, PredictionBag
from drive_help import COUNT, PERIOD, SETTINGS, TOPIC, driven, stamp_of, write_drive
from rosbags.highlevel import AnyReader

from tkn_ros.cli import main
from tkn_ros.evaluation.drive_report import FILES
from tkn_ros.evaluation.drives import evaluate_drives, finished
from tkn_ros.synthetic.render import SyntheticSource
from tkn_ros.video.stamps import to_ns
from tkn_ros.warning.decision import Level

ZONES = """
zones:
  - name: middle
    polygon: [[0.3, 0.2], [0.7, 0.2], [0.7, 0.9], [0.3, 0.9]]
"""


@pytest.fixture(scope='session')
def pictures():
    return [f.image for f in SyntheticSource(3, COUNT, 120, 160, 30.0, 'random')]


@pytest.fixture(scope='session')
def drive(pictures, tmp_path_factory):
    return write_drive(tmp_path_factory.mktemp('drive') / 'drive.mcap', pictures)


@pytest.fixture(scope='session')
def watched(tmp_path_factory):
    """Settings with a zone, whose pictures are kept."""
    zones = tmp_path_factory.mktemp('watched') / 'zones.yaml'
    zones.write_text(ZONES)
    return replace(SETTINGS, zones=str(zones), frames=True)


@pytest.fixture(scope='session')
def evaluated(drive, watched, tmp_path_factory):
    folder = tmp_path_factory.mktemp('evaluated')
    evaluate_drives([drive], folder, watched, report=lambda line: None)
    return folder / 'drive'


def test_a_drive_and_its_files(evaluated, drive, pictures):
    assert sorted(path.name for path in evaluated.iterdir()) == sorted(FILES)
    report = json.loads((evaluated / 'report.json').read_text())
    counts = report['counts']
    assert counts['messages'] == counts['images'] == COUNT
    assert counts['predictions'] == COUNT - 9  # a window of ten
    assert not any(counts[k] for k in ('bad', 'resets', 'gaps', 'missing', 'duplicates'))
    assert re.fullmatch('[0-9a-f]{64}', report['weights_sha256'])
    assert len(report['per_step']) == 5 and report['judged']['points'] > 0
    assert 0 < report['keypoints']['trust'] < 1 and 10 < report['pictures']['psnr'] <= 60
    assert set(report['warnings']['ways']) >= {'ours', 'present', 'enlarged', 'velocity'}
    rows = [json.loads(line) for line in (evaluated / 'result.jsonl').open()]
    assert [row['stamp_ns'] for row in rows] == [stamp_of(n) for n in range(9, COUNT)]
    judged = [row for row in rows if row['points']]
    mean = sum(row['err'] * row['points'] for row in judged) / sum(r['points'] for r in judged)
    assert report['keypoints']['err'] == pytest.approx(mean, abs=1e-3)


def test_the_page_needs_nothing_else(evaluated):
    page = (evaluated / 'report.html').read_text()
    links = re.findall(r'(?:src|href)="([^"]{1,30})', page)
    assert links and all(link.startswith(('data:image/jpeg;base64,', '#moment-')) for link in links)
    assert not re.search(r'https?://|@import|url\(', page)
    assert 'id="moment-1"' in page and 'worst moments' in page and 'middle' in page


def test_the_page_shows_names_as_they_are(drive, tmp_path):
    """A bag called like markup is text."""
    bag = tmp_path / '<b>&.mcap'
    shutil.copy(drive, bag)
    evaluate_drives([bag], tmp_path / 'out', SETTINGS, report=lambda line: None)
    page = (tmp_path / 'out' / '<b>&' / 'report.html').read_text()
    assert '<b>&.mcap' not in page and '&lt;b&gt;&amp;.mcap' in page


def test_predictions_lie_on_the_original_timeline(evaluated):
    found = messages(evaluated, 'predicted_keypoints')
    assert [logged for _, logged, _ in found] == [stamp_of(n) + 4_000_000 for n in range(9, COUNT)]
    message = STORE.deserialize_cdr(found[0][2], 'tkn_ros/msg/PredictedKeypoints')
    assert (message.image_height, message.image_width) == (120, 160)
    assert message.header.frame_id == 'camera' and message.weights == 'default'
    assert len(message.observed) == 10 and len(message.predicted) == 5


def messages(folder, topic):
    with AnyReader([folder / 'predictions.mcap']) as bag:
        return list(bag.messages([c for c in bag.connections if c.topic == f'/tkn/{topic}']))


def test_warnings_lie_beside_their_predictions(evaluated):
    rows = [json.loads(line) for line in (evaluated / 'result.jsonl').open()]
    found = messages(evaluated, 'danger_warnings')
    assert [logged for _, logged, _ in found] == [row['logged_ns'] for row in rows]
    warned = set()
    for (_, _, raw), row in zip(found, rows):
        message = STORE.deserialize_cdr(raw, 'tkn_ros/msg/DangerWarnings')
        assert to_ns(message.observed_stamp) == row['stamp_ns']
        (warning,) = message.warnings
        level = Level(warning.level).name
        assert warning.zone == 'middle' and level == row.get('warnings', {}).get('middle', 'OK')
        entry = to_ns(warning.time_to_entry)
        assert (entry == -(10**9)) == (len(warning.ids) < 2) and entry < 0.17 * 10**9
        warned.add(level)
    assert len(warned) > 1  # something was decided


def test_drawn_frames_lie_beside_their_predictions(evaluated):
    rows = [json.loads(line) for line in (evaluated / 'result.jsonl').open()]
    drawn = [row for row in rows if 'psnr' in row]
    found = messages(evaluated, 'predicted_frames')
    times = [logged for _, logged, _ in found]
    assert times == sorted(times) and len(found) % 5 == 0 and len(found) >= 5 * len(drawn) > 0
    assert {row['logged_ns'] for row in drawn} <= set(times)
    for number, (_, logged, raw) in enumerate(found):
        frame = STORE.deserialize_cdr(raw, 'sensor_msgs/msg/Image')
        assert (frame.height, frame.width) == (48, 64) and frame.data.std() > 1
        newest = logged - 4_000_000
        assert abs(to_ns(frame.header.stamp) - newest - (number % 5 + 1) * PERIOD) < 10


def test_a_drive_for_rerun(drive, tmp_path):
    rerun = pytest.importorskip('rerun', reason='rerun-sdk is not installed')
    from rerun.chunk import RrdReader

    path = tmp_path / 'drive.rrd'
    evaluate_drives([drive], tmp_path, replace(SETTINGS, rerun=str(path)), report=lambda line: None)
    assert path.stat().st_size > 10_000 and rerun.__version__
    rows, stamps = {}, set()
    for chunk in RrdReader(path).stream():
        rows[chunk.entity_path] = rows.get(chunk.entity_path, 0) + chunk.num_rows
        if chunk.entity_path == '/camera':
            stamps |= set(chunk.to_record_batch()['stamp'].cast('int64').to_pylist())
    assert stamps == {stamp_of(n) for n in range(COUNT)}
    assert rows['/camera/keypoints'] >= COUNT and rows['/camera/paths'] >= COUNT


def test_rerun_that_is_not_installed_is_said(drive, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'rerun', None)
    words = ['--bag', str(drive), '--report', str(tmp_path / 'out'), '--rerun', 'a.rrd']
    assert main(['evaluate', *words]) == 2
    assert "pip install 'tkn_ros[rerun]'" in capsys.readouterr().err


def test_a_region_is_judged_in_the_cameras_pixels(drive, watched, tmp_path):
    """Keypoints and zones are of the camera's image, pictures of the region without its bars."""
    seen = replace(watched, roi=(40, 20, 100, 90), fit='letterbox')
    evaluate_drives([drive], tmp_path, seen, report=lambda line: None)
    report = json.loads((tmp_path / 'drive' / 'report.json').read_text())
    assert (report['width'], report['height']) == (160, 120)
    assert report['settings']['roi'] == [40, 20, 100, 90] and report['judged']['points'] > 0
    active = []
    for _, _, raw in messages(tmp_path / 'drive', 'predicted_keypoints'):
        message = STORE.deserialize_cdr(raw, 'tkn_ros/msg/PredictedKeypoints')
        assert (message.image_height, message.image_width) == (120, 160)
        active += [k for k in message.observed[-1].keypoints if k.active]
    assert active and all(39.5 <= k.x < 140 and 19.5 <= k.y < 110 for k in active)
    frame = STORE.deserialize_cdr(
        messages(tmp_path / 'drive', 'predicted_frames')[0][2], 'sensor_msgs/msg/Image'
    )
    assert frame.width / frame.height == pytest.approx(100 / 90, rel=0.04)
    assert finished(tmp_path / 'drive', str(drive), seen)
    assert not finished(tmp_path / 'drive', str(drive), replace(seen, fit='crop'))


def test_the_same_bag_gives_the_same_result(drive, watched, evaluated, tmp_path):
    evaluate_drives([drive], tmp_path, watched, report=lambda line: None)
    for name in ('result.jsonl', 'predictions.mcap'):
        assert (tmp_path / 'drive' / name).read_bytes() == (evaluated / name).read_bytes()


def test_gaps_and_jumps_are_as_the_node_takes_them(pictures, tmp_path):
    path = write_drive(tmp_path / 'gaps.mcap', pictures, {20, 21, *range(40, 50)}, jump=70)
    log, moments = driven(path)
    assert log.counts['gaps'] == 2 and log.counts['missing'] == 12
    assert [reason['reason'].split(' by')[0] for reason in log.resets] == [
        'no frame came for 0.367 s',
        'time went back',
    ]
    restarted = [m.stamp_ns for m in moments if m.restarted]
    assert restarted == [stamp_of(50), stamp_of(70) - 3600 * 10**9]
    ready = dict(zip(log.stamps, log.ready))
    assert ready[stamp_of(22)] and not ready[stamp_of(52)] and ready[stamp_of(60)]


def test_broken_messages_are_named_and_passed_over(pictures, tmp_path):
    """A wrong type's bytes, a lying height, a lying step, an unknown encoding, no bytes at all."""
    path = tmp_path / 'broken.mcap'
    with PredictionBag(path) as bag:
        whole = []
        bag_write, bag.write_raw = bag.write_raw, lambda *row: whole.append(row)
        for number in range(30):
            bag.image(TOPIC, stamp_of(number), pictures[number])
        bag.write_raw = bag_write

        def lying(cdr, **fields):
            message = STORE.deserialize_cdr(cdr, 'sensor_msgs/msg/Image')
            for name, value in fields.items():
                setattr(message, name, value)
            return bytes(STORE.serialize_cdr(message, 'sensor_msgs/msg/Image'))

        damaged = {
            12: lambda cdr: lying(cdr, height=5000),
            13: lambda cdr: lying(cdr, step=7),
            15: lambda cdr: lying(cdr, encoding='32FC1'),
            16: lambda cdr: b'\x00\x01\x00\x00' + b'\x05\x00\x00\x00text\x00',
            18: lambda cdr: b'',
        }
        for number, (topic, kind, cdr, logged) in enumerate(whole):
            bag.write_raw(topic, kind, damaged.get(number, bytes)(cdr), logged)
    log, _ = driven(path)
    assert [bad['number'] for bad in log.bad] == sorted(damaged)
    reasons = [bad['reason'] for bad in log.bad]
    assert '160x5000' in reasons[0] and 'step is 7' in reasons[1] and '32FC1' in reasons[2]
    assert log.counts['messages'] == 30 and log.counts['images'] == 25
    assert log.counts['predictions'] == 16  # lost images are bridged, as in the node


@pytest.mark.parametrize('given', ['cut.mcap', '.'])
def test_a_cut_bag_says_what_is_lost(drive, tmp_path, given):
    """The file, or its folder, which has no metadata.yaml."""
    cut = tmp_path / 'cut.mcap'
    data = drive.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    log, moments = driven(tmp_path / given)
    assert 9 < len(moments) < COUNT
    assert re.search(r'cut.mcap breaks off: its last \d+ of \d+ bytes', log.lost[-1])


def test_many_drives_with_a_broken_one_are_resumed(drive, tmp_path, capsys):
    other, empty, text = (tmp_path / name for name in ('other.mcap', 'empty.mcap', 'text.db3'))
    shutil.copy(drive, other)
    empty.write_bytes(b'')
    text.write_text('no bag')
    bags = [str(path) for path in (drive, empty, other, text)]
    usual = ['--backend', 'eager', '--horizon', '5', '--pictures-every', '0']
    words = ['evaluate', '--report', str(tmp_path / 'out'), *usual]
    assert main([*words, '--bag', *bags, '--workers', '2']) == 0
    said = capsys.readouterr().out
    assert 'mean of 2' in said
    assert re.search(r'passed over: .*empty.mcap: .*not a whole rosbag', said)
    assert re.search(r'passed over: .*text.db3: ', said)
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert [d['name'] for d in summary['drives']] == ['drive', 'other']
    assert [d['name'] for d in summary['failed']] == ['empty', 'text']

    page = tmp_path / 'out' / 'other' / 'report.html'
    page.write_text('kept')  # a finished drive is not evaluated again
    (tmp_path / 'out' / 'drive' / 'report.json').unlink()  # as if it had been interrupted
    assert main([*words, '--bag', *bags, '--workers', '2']) == 0
    said = capsys.readouterr().out
    assert 'other: finished before' in said and 'drive: finished before' not in said
    assert page.read_text() == 'kept'
    assert main([*words[:-2], '--bag', str(other), '--workers', '2', *usual[:-2]]) == 0
    assert page.read_text() != 'kept'  # other settings


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        ([], 'give one of --data, --bag and --compare'),
        (['--bag', 'a.mcap'], '--bag needs --report'),
        (['--bag', 'a', 'b', '--report', 'out', '--tracks', 'gt.txt'], 'are of one drive'),
        (['--bag', 'a', '--report', 'out', '--events', 'e.csv'], '--events needs --zones'),
        (['--bag', 'a', '--report', 'out', '--fit', 'wide'], 'fit is "wide"'),
        (['--bag', 'a', '--report', 'out', '--roi', *'1234'], 'roi is [1, 2, 3, 4]'),
        (['--bag', 'a', '--report', 'out', '--frames', '--pictures-every', '0'], '--frames'),
        (['--compare', 'a', 'b'], 'no such folder'),
    ],
)
def test_bad_command_lines(words, reason, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['evaluate', *words]) == 2
    assert reason in capsys.readouterr().err


def test_no_bag_that_can_be_evaluated_is_a_failure(tmp_path, capsys):
    words = ['--bag', str(tmp_path / 'none.mcap'), '--report', str(tmp_path / 'out')]
    assert main(['evaluate', *words]) == 1
    assert 'none.mcap' in capsys.readouterr().out
