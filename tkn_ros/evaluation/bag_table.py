"""The figures of a bag's report as a person reads them."""

from typing import Any


def table(summary: dict[str, Any]) -> str:
    """What `make demo` prints.

    Args:
        summary: Figures of `bag_report.report`, and `resident_mib`, the predictor's peak memory.
    """
    latency = summary['latency_ms']
    lines = [
        f'frames in             {summary["frames_in"]}',
        f'predictions out       {summary["predictions"]}',
        f'dropped               {summary["dropped"]}',
        f'latency, stamp to publish   p50 {latency["p50"]} ms, p99 {latency["p99"]} ms',
        f'predicted frames a second   {summary["fps"]}',
        f'predictor memory      {summary["resident_mib"]:.0f} MiB',
        '',
        *_keypoint_lines(summary['keypoints']),
        *_zone_lines(summary['zones']),
        '',
        'step   PSNR [dB]  repeat last   SSIM   repeat last',
    ]
    if not summary['per_step']:
        return '\n'.join([*lines, '   -  no prediction whose whole future is in the clip'])
    lines += [_step_line(str(values['step']), values) for values in summary['per_step']]
    return '\n'.join([*lines, _step_line('mean', summary)])


def _step_line(name: str, values: dict[str, Any]) -> str:
    return (
        f'{name:>4}   {values["psnr"]:9.2f}  {values["psnr_repeat_last"]:11.2f}   '
        f'{values["ssim"]:.3f}  {values["ssim_repeat_last"]:11.3f}'
    )


def _keypoint_lines(figures: dict[str, Any]) -> list[str]:
    """Where keypoints were, and whether their paths came true, beside two trivial predictors."""

    def text(name: str, form: str = '.2f') -> str:
        return '-' if figures[name] is None else format(figures[name], form)

    return [
        'keypoints                        ours   staying   constant velocity',
        f'path error [1/64 of the width]  {text("err"):>5}   {text("err_stay"):>7}   '
        f'{text("err_velocity"):>17}   (ours / the better one: {text("ratio_best")})',
        f'truth within 1.5 sigma          {text("within_sigma"):>5}   (0.68 if sigma is honest)',
        f'active                          {text("active", ".1f"):>5}',
        f'on what moves                   {text("on_moving"):>5}   '
        f'(a blind guess: {text("area_moving")})',
        f'moving regions with a keypoint  {text("blobs_covered"):>5}',
    ]


def _zone_lines(zones: dict[str, dict[str, Any]]) -> list[str]:
    """What was warned of: an event is that keypoints enter a zone."""
    lines = ['', 'zone             entries  warned of  lead time  false alarms'] if zones else []
    for name, f in zones.items():
        lead = '-' if f['lead_median'] is None else f'{f["lead_median"]:.2f} s'
        lines.append(
            f'{name[:16]:16} {f["events"]:7}  {f["warned"]:9}  {lead:>9}  {f["false_alarms"]:12}'
        )
    return lines
