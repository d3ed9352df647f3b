"""Checkpoints: one safetensors file that holds the weights and the hyper-parameters to build them.

Nothing is ever unpickled. The file's metadata carries `tkn_config` (JSON of the dataclasses in
`tkn_ros.model`) and free text of the caller's (`training`, `figures`, ..).
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from tkn_ros.model.background import BackgroundConfig
from tkn_ros.model.build import build
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.following import FollowingConfig
from tkn_ros.model.motion_detector import MotionDetectorConfig
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.model.track_predictor import TrackPredictorConfig
from tkn_ros.whole_file import whole_file

FORMAT = 'tkn_ros/1'
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
    values = json.loads(text)
    detector = DetectorConfig(**values.pop('detector'))
    predictor = PredictorConfig(**values.pop('predictor'))
    background = values.pop('background', None)  # older files have none
    background = background and BackgroundConfig(**background)
    following = values.pop('following', None)
    if following:
        following = FollowingConfig(
            following['keypoints'],
            MotionDetectorConfig(**following['detector']),
            TrackPredictorConfig(**following['predictor']),
        )
    return TKNConfig(
        detector=detector, predictor=predictor, background=background, following=following, **values
    )


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


def save_checkpoint(path: str | Path, model: TKN, **metadata: str) -> None:
    """Write the model to `path`, whole or not at all: a full disk leaves the old file as it was."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    meta = {'format': FORMAT, 'tkn_config': config_to_json(model.config), **metadata}
    with whole_file(path) as part:
        save_file(tensors, part, meta)
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # safetensors makes it readable by its owner alone


def load_checkpoint(
    path: str | Path = '', device: str = 'cpu', expected: TKNConfig | None = None
) -> TKN:
    """Read a model in evaluation mode onto `device`; an empty path means the bundled default.

    The file says which variant it is. Raises CheckpointError for a missing, truncated or foreign
    file, for weights that do not fit the architecture the file names, and for one that is not of
    the variant `expected`.

    Args:
        path: a .safetensors file; empty: the bundled default.
        device: 'cpu', 'cuda' or 'cuda:N'.
        expected: the variant that it must be of; None: any.
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
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f'weights "{path}" cannot be read as safetensors ({error}); the file '
            'is truncated or of another format: copy or train it again'
        ) from None
    if meta.get('format') != FORMAT:
        raise CheckpointError(
            f'weights "{path}" say format "{meta.get("format")}", expected '
            f'"{FORMAT}": they are not of tkn_ros; train some, or use the '
            'bundled default'
        )
    try:
        config = config_from_json(meta['tkn_config'])
        with torch.device('meta'):  # no memory and no random numbers for what is overwritten
            model = build(config)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f'weights "{path}" name an architecture this version does not know '
            f'({error}); use the tkn_ros version that wrote them'
        ) from None
    problem = expected and config_difference(config, expected)
    if problem:
        raise CheckpointError(
            f'weights "{path}" are of another variant: {problem}; give weights '
            'of that variant, or ask for the one that they are'
        )
    blank = model.state_dict()
    problem = _difference(blank, tensors)
    if problem:
        raise CheckpointError(
            f'weights "{path}" do not fit the architecture they name: {problem}; '
            'use the tkn_ros version that wrote them, or train again'
        )
    # copied, since safetensors may map the file into memory, and a file can be cut short later
    model.load_state_dict(
        {name: t.to(blank[name].dtype, copy=True) for name, t in tensors.items()}, assign=True
    )
    return model.to(device).eval()


def _difference(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> str:
    """The first way in which two sets of weights differ, as text; empty if they fit."""
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            return f'"{name}" is missing'
        if name not in expected:
            return f'"{name}" is not part of it'
        if expected[name].shape != found[name].shape:
            return f'"{name}" is {tuple(found[name].shape)}, expected {tuple(expected[name].shape)}'
    return ''
