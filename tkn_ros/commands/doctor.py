"""`tkn doctor`: is all well on this machine, and what to do where it is not."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

from tkn_ros.commands.finding import Finding

SIGNS = {'ok': 'ok     ', 'warning': 'warning', 'problem': 'PROBLEM'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.description = (
        'Looks at Python, GPU, weights, backends, cache and ROS 2, and sends a camera stream '
        'through DDS. Exit status 1 where something does not work.'
    )
    parser.add_argument('--weights', default='', help='checkpoint; without it the bundled one')
    parser.add_argument('--json', action='store_true', help='findings as JSON, with all figures')


def findings(weights: str) -> Iterator[Finding]:
    """All of them, each as soon as it is known; half a minute in all."""
    from tkn_ros.commands import doctor_machine, doctor_ros

    yield doctor_machine.python()
    yield doctor_machine.gpu()
    yield doctor_machine.weights(weights)
    yield from doctor_machine.backends(weights)
    yield doctor_machine.cache()
    ros = doctor_ros.ros()
    yield ros
    if ros.status == 'ok':
        yield from doctor_ros.loopback()
        yield doctor_ros.shared_memory()


def run(options: argparse.Namespace) -> int:
    """Print the findings. Returns 1 if one is a problem, else 0."""
    found = []
    for finding in findings(options.weights):
        found.append(finding)
        if not options.json:
            print(f'{SIGNS[finding.status]}  {finding.name}: {finding.text}', flush=True)
            if finding.todo:
                print(f'         -> {finding.todo}', flush=True)
    if options.json:
        print(json.dumps([asdict(finding) for finding in found], indent=1))
    return int(any(finding.status == 'problem' for finding in found))
