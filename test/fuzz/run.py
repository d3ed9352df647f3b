"""`make fuzz MINUTES=n`: atheris on every target in turn, each in a process of its own.

Prints how many cases each had. A case that fails is left in the folder `--out` and ends the run
with status 1.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
MEMORY_MIB = 2048  # that a target's process may take, torch's libraries included


def main() -> int:
    """Status 0 if no case failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--minutes', type=float, default=10.0)
    parser.add_argument('--out', type=Path, default=Path('out/fuzz'))
    parser.add_argument('--targets', nargs='*', help='default: all')
    parser.add_argument('--one', help='run this target in this process; the rest is atheris')
    options, rest = parser.parse_known_args()
    if options.one:
        return _fuzz(options.one, rest)
    names = options.targets or re.findall(
        r'^        (\w+),$', (HERE / 'targets.py').read_text(), re.MULTILINE
    )
    options.out.mkdir(parents=True, exist_ok=True)
    total, failed = 0, []
    for name in names:
        cases, status = _run(name, round(60 * options.minutes / len(names)), options.out)
        total += cases
        failed += [name] if status else []
        print(f'{name:12} {cases:9,} cases  {"FAILED" if status else "ok"}', flush=True)
    print(f'{"all":12} {total:9,} cases; failed: {", ".join(failed) or "none"}')
    return int(bool(failed))


def _run(name: str, seconds: int, out: Path) -> tuple[int, int]:
    """Cases and exit status of one target."""
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, str(Path(__file__).resolve()), '--one', name, corpus]
        command += [f'-max_total_time={seconds}', '-print_final_stats=1', '-max_len=65536']
        command += ['-timeout=60', f'-rss_limit_mb={MEMORY_MIB}', f'-artifact_prefix={out}/{name}-']
        log = out / f'{name}.log'
        with open(log, 'wb') as file:
            status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
    text = log.read_text(errors='replace')
    counts = re.findall(r'number_of_executed_units: (\d+)|^#(\d+)\s', text, re.MULTILINE)
    return max((int(a or b) for a, b in counts), default=0), status


def _fuzz(name: str, arguments: list[str]) -> int:
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    sys.path[:0] = [str(HERE.parent), str(HERE)]
    import atheris
    import torch  # noqa: F401 - before what is watched, so that it is not

    with atheris.instrument_imports(include=['tkn_ros', 'rosbags']):
        import targets
    from seeds import seeds

    targets.allow_pixels(targets.PIXELS)
    for i, data in enumerate(seeds()[name]):
        Path(arguments[0], f'seed{i}').write_bytes(data)
    atheris.Setup([sys.argv[0], *arguments], lambda data: targets.check(name, data))
    atheris.Fuzz()
    return 0


if __name__ == '__main__':
    sys.exit(main())
