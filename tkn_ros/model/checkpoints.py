"""Checkpoints: one safetensors file that holds the weights and the hyper-parameters to build them.

Nothing is ever unpickled. The file's metadata carries `architecture` ("tkn"; files that name none
are of it, see `baselines/checkpoints.py` for the others), `tkn_config` (JSON of the dataclasses in
`tkn_ros.model`) and free text of the caller's (`training`, `figures`, ..).
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from tkn_ros.model.background import BackgroundConfig
from tkn_ros.model.build import Network, build_blank
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.following_config import FollowingConfig
from tkn_ros.model.motion_detector import MotionDetectorConfig
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKNConfig
from tkn_ros.model.track_predictor import TrackPredictorConfig
from tkn_ros.whole_file import whole_file

FORMAT = 'tkn_ros/1'
ARCHITECTURE = 'tkn'
MAX_CONFIG = 1 << 16  # characters of the hyper-parameters
WEIGHTS = Path(__file__).resolve().parent.parent / 'weights'
DEFAULT_WEIGHTS = WEIGHTS / 'default.safetensors'
# of the paper's form: one keypoint a channel; what its engine is judged and measured with
PAPER_FORM_WEIGHTS = WEIGHTS / 'paper_form.safetensors'


class CheckpointError(ValueError):
    """A file that cannot be used as weights; the message names the file, the reason and the fix."""


def config_to_json(config: TKNConfig) -> str:
    """The hyper-parameters as JSON text."""
    return json.dumps(asdict(config))


def config_from_json(text: str) -> TKNConfig:
    """Inverse of `config_to_json`; what the text does not name takes its default.

    Raises ValueError, TypeError or KeyError for what does not fit.
    """
    values = read_table('tkn_config', text)
    detector = DetectorConfig(**_table('detector', values.pop('detector')))
    predictor = PredictorConfig(**_table('predictor', values.pop('predictor')))
    background = values.pop('background', None)  # older files have none
    if background is not None:
        background = BackgroundConfig(**_table('background', background))
    following = values.pop('following', None)
    if following is not None:
        following = dict(_table('following', following))
        following['detector'] = MotionDetectorConfig(
            **_table('following.detector', following['detector'])
        )
        following['predictor'] = TrackPredictorConfig(
            **_table('following.predictor', following['predictor'])
        )
        following = FollowingConfig(**following)
    return TKNConfig(
        detector=detector, predictor=predictor, background=background, following=following, **values
    )


def read_table(name: str, text: str) -> dict[str, Any]:
    """Names and values of hyper-parameters from JSON text; ValueError for anything else.

    Args:
        name: of the text, for messages.
        text: JSON.
    """
    if len(text) > MAX_CONFIG:
        raise ValueError(f'{name} has {len(text)} characters, expected at most {MAX_CONFIG}')
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError(f'{name} is nested too deeply') from None
    return dict(_table(name, values))


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'{name} is {str(value)[:60]}, expected an object of names and values')
    return value


def config_difference(found: TKNConfig, expected: TKNConfig) -> str:
    """The first hyper-parameter that makes two networks differ, as text; empty if there is none.

    window, height and width may be chosen at run time and are not compared.
    """
    a, b = asdict(found), asdict(expected)
    pairs = [('process', a['process'], b['process'])]
    kinds = ['followed' if c.following else 'one for each channel' for c in (found, expected)]
    if kinds[0] != kinds[1]:
        return f'keypoints are {kinds[0]}, expected {kinds[1]}'
    for half in () if found.following else ('detector', 'predictor'):
        pairs += [(f'{half}.{name}', a[half][name], b[half][name]) for name in a[half]]
    pairs += [(part, a[part], b[part]) for part in ('background', 'following')]
    for name, one, other in pairs:
        if one != other:
            return f'{name} is {json.dumps(one)}, expected {json.dumps(other)}'
    return ''


def save_checkpoint(path: str | Path, model: Network, **metadata: str) -> None:
    """Write the model to `path`, whole or not at all: a full disk leaves the old file as it was."""
    config = config_to_json(model.config)
    write_weights(path, model, {'architecture': ARCHITECTURE, 'tkn_config': config, **metadata})


def write_weights(path: str | Path, model: nn.Module, meta: dict[str, str]) -> None:
    """Any network's weights with metadata, whole or not at all."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    with whole_file(path) as part:
        save_file(tensors, part, {'format': FORMAT, **meta})
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # safetensors makes it readable by its owner alone


def load_checkpoint(
    path: str | Path = '', device: str = 'cpu', expected: TKNConfig | None = None
) -> Network:
    """Read a TKN in evaluation mode onto `device`; an empty path means the bundled default.

    The file says which variant it is. Raises CheckpointError for a missing, truncated or foreign
    file, for weights that do not fit the architecture the file names, and for one that is not of
    the variant `expected`, or of a network without keypoints.

    Args:
        path: a .safetensors file; empty: the bundled default.
        device: 'cpu', 'cuda' or 'cuda:N'.
        expected: the variant that it must be of; None: any.
    """
    return cast(Network, read_weights(path, device, partial(blank_tkn, expected=expected)))


def read_weights(
    path: str | Path, device: str, blank: Callable[[Path, dict[str, str]], nn.Module]
) -> nn.Module:
    """The network of a file in evaluation mode on `device`; errors as of `load_checkpoint`.

    Args:
        path: a .safetensors file; empty: the bundled default.
        device: 'cpu', 'cuda' or 'cuda:N'.
        blank: gives what path and metadata describe, without memory for its weights.
    """
    path = Path(path) if str(path) else DEFAULT_WEIGHTS
    if not path.is_file():
        raise CheckpointError(
            f'weights "{path}" do not exist; give a .safetensors file, or nothing'
            ' for the bundled default'
        )
    try:
        with safe_open(path, 'pt', device=str(device)) as file:
            meta = file.metadata() or {}
            if meta.get('format') != FORMAT:
                raise CheckpointError(
                    f'weights "{path}" say format "{meta.get("format")}", expected '
                    f'"{FORMAT}": they are not of tkn_ros; train some, or use the '
                    'bundled default'
                )
            model = blank(path, meta)
            wanted, names = model.state_dict(), set(file.keys())
            # before any tensor is read
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
            problem = _difference({n: tuple(t.shape) for n, t in wanted.items()}, shapes)
            # copied, since safetensors may map the file, and a file can be cut short later
            tensors = {
                name: file.get_tensor(name).to(t.dtype, copy=True)
                for name, t in ({} if problem else wanted).items()
            }
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f'weights "{path}" cannot be read as safetensors ({error}); the file '
            'is truncated or of another format: copy or train it again'
        ) from None
    problem = problem or _not_finite(tensors)
    if problem:
        raise CheckpointError(
            f'weights "{path}" do not fit the architecture they name: {problem}; '
            'use the tkn_ros version that wrote them, or train again'
        )
    model.load_state_dict(tensors, assign=True)
    return model.to(device).eval()


def blank_tkn(path: Path, meta: dict[str, str], expected: TKNConfig | None = None) -> Network:
    """The TKN that a file's metadata describe, without memory for its weights.

    Raises CheckpointError where they are of something else.

    Args:
        path: for messages.
        meta: of the file.
        expected: the variant that it must be of; None: any.
    """
    name = meta.get('architecture', ARCHITECTURE)
    if name != ARCHITECTURE:
        raise CheckpointError(
            f'weights "{path}" are of the network "{name[:40]}", and keypoints are needed here, '
            'which only TKN has; give weights of TKN, or nothing for the bundled default'
        )
    try:
        config = config_from_json(meta['tkn_config'])
        model = build_blank(config)
    except UNKNOWN as error:
        raise unknown_architecture(path, error) from None
    problem = expected and config_difference(config, expected)
    if problem:
        raise other_variant(path, problem)
    return model


# what building a network from a stranger's description may raise
UNKNOWN = (KeyError, TypeError, ValueError, OverflowError, RuntimeError)


def unknown_architecture(path: Path, error: object) -> CheckpointError:
    """Of a file whose description cannot be built."""
    return CheckpointError(
        f'weights "{path}" name an architecture this version does not know '
        f'({error}); use the tkn_ros version that wrote them'
    )


def other_variant(path: Path, problem: str) -> CheckpointError:
    """Of a file that is not of the variant asked for."""
    return CheckpointError(
        f'weights "{path}" are of another variant: {problem}; give weights '
        'of that variant, or ask for the one that they are'
    )


def _not_finite(tensors: dict[str, torch.Tensor]) -> str:
    """The first tensor that holds NaN or infinity, as text; empty if there is none."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return f'"{name}" holds NaN or infinity'
    return ''


def _difference(expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> str:
    """The first way in which two sets of weights differ, as text; empty if they fit."""
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            return f'"{name}" is missing'
        if name not in expected:
            return f'"{name}" is not part of it'
        if expected[name] != found[name]:
            return f'"{name}" is {found[name]}, expected {expected[name]}'
    return ''
