"""Where this package is installed: found from this file, so that nothing need be sourced."""

from pathlib import Path


def install_prefix() -> Path:
    """The folder with lib/tkn_ros (launchers) and share/tkn_ros (messages, launch, config).

    Raises FileNotFoundError where the source tree is imported instead of an installation.
    """
    for folder in Path(__file__).absolute().parents:
        if (folder / 'share' / 'tkn_ros' / 'package.xml').is_file():
            return folder
    raise FileNotFoundError(
        f'{__file__} is not part of an installation; build the package (make '
        'setup, or colcon build) and do not run it from its source folder'
    )
