"""Where the model runs."""

import torch


def select_device(name: str) -> str:
    """'auto', 'cpu', 'cuda' or 'cuda:N' -> the device for torch; ValueError if there is none."""
    if name == 'auto':
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    if name == 'cpu':
        return name
    if name == 'cuda' or (name.startswith('cuda:') and name[5:].isdigit()):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            built = 'has no CUDA' if torch.version.cuda is None else 'sees no CUDA GPU'
            raise ValueError(
                f'device "{name}": this PyTorch ({torch.__version__}) {built}; install'
                ' a CUDA build of PyTorch (pytorch.org, "Get started") and the NVIDIA'
                ' driver, or use device "cpu"'
            )
        if name != 'cuda' and int(name[5:]) >= count:
            raise ValueError(
                f'device "{name}": there are {count} CUDA GPUs; use cuda:0 to cuda:{count - 1}'
            )
        return name
    raise ValueError(f'device "{name}" is unknown; use "auto", "cpu", "cuda" or "cuda:0"')
