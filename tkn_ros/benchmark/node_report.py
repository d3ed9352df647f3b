"""What was measured of the node, as lines for people."""

from typing import Any

from tkn_ros.benchmark.node import NodeSetting


def format_node(name: str, setting: NodeSetting, found: dict[str, Any]) -> str:
    """The figures of one run.

    Args:
        name: of the run.
        setting: what was run.
        found: of `measure_node`.
    """
    given = ', '.join(f'{k} {v}' for k, v in setting.parameters.items()) or 'as by default'
    several = f'{setting.cameras} cameras' if setting.cameras > 1 else 'camera'
    lines = [
        f'{name}: {several} {setting.size[0]}x{setting.size[1]} bgr8 {setting.rate:g} Hz for '
        f'{setting.seconds:g} s; node: {given}'
    ]
    for camera in found['cameras']:
        lines += [f'  {line}' for line in _camera(setting, camera)]
    growth = found['growth_mib']
    grown = '' if growth is None else f', growing by {growth:+.2f} MiB in ten minutes'
    lines.append(
        f'  {found["cpu_share"]:.0%} of a core, {found["resident_mib"]} MiB resident{grown}'
    )
    return '\n'.join(lines)


def _camera(setting: NodeSetting, found: dict[str, Any]) -> list[str]:
    counted = found['counted']
    received, predicted, dropped = (
        counted.get(key, 0) for key in ('received', 'predictions', 'dropped')
    )
    lines = [
        f'{found["sent"]} sent; after two seconds {received} received, {predicted} predicted, '
        f'{dropped} dropped, {received - predicted - dropped} neither',
        f'stamp to keypoints {_text(found["latency_ms"])}; of it in the node '
        f'{_text(found["processing_ms"])}; share of ROS {_share(found["ros_share"])}',
        'medians of its quarters '
        + ', '.join(f'{ms:.1f}' for ms in found['latency_quarters_ms'])
        + ' ms',
    ]
    if setting.frames:
        lines.append(
            f'stamp to last frame {_text(found["last_frame_ms"])}; {found["bursts"]} predictions '
            f'drawn ({found["bursts_per_s"]:.1f} a second), {counted.get("undrawn", 0)} given up '
            'for newer ones'
        )
    return lines


def _share(value: float | None) -> str:
    return '-' if value is None else f'{value:.0%}'


def _text(percentiles: dict[str, Any]) -> str:
    if not percentiles:
        return 'none came'
    return ', '.join(f'{k} {v:.1f} ms' for k, v in percentiles.items())
