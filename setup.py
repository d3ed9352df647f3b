"""`pip install .`: the half of tkn_ros that needs no ROS. colcon builds by CMakeLists.txt.

All settings are in setup.cfg. Only the long description is made here: pages of package indexes know
no files beside README.md.
"""

import os
import re
from pathlib import Path

from setuptools import setup

LINK = re.compile(r'(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)]+)\)')


def long_description(readme: str, base: str = '') -> str:
    """README.md for a page elsewhere.

    Args:
        readme: its text.
        base: the address under which the files of the repository can be read. Without one,
            relative links become plain text and pictures are left out.
    """

    def elsewhere(match: re.Match[str]) -> str:
        picture, text, path = match.groups()
        if base:
            return f'{picture}[{text}]({base.rstrip("/")}/{path})'
        return '' if picture else text

    return re.sub(r'\n{3,}', '\n\n', LINK.sub(elsewhere, readme))


if __name__ == '__main__':
    setup(
        long_description=long_description(
            (Path(__file__).parent / 'README.md').read_text(encoding='utf-8'),
            os.environ.get('TKN_README_BASE', ''),
        ),
        long_description_content_type='text/markdown',
    )
