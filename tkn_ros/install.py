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


def message_texts(*names: str) -> dict[str, str]:
    """Our .msg files by type name: what a bag needs to be read where tkn_ros is not.

    They are in share/tkn_ros/msg of an installation, or in msg/ of the source tree.

    Raises FileNotFoundError where they are in neither.
    """
    for folder in Path(__file__).absolute().parents:
        for there in (folder / 'share' / 'tkn_ros' / 'msg', folder / 'msg'):
            if (there / 'Keypoint.msg').is_file():
                return {
                    f'tkn_ros/msg/{name}': (there / f'{name}.msg').read_text() for name in names
                }
    raise FileNotFoundError(
        f'the .msg files of tkn_ros are not beside {__file__}; install the package again'
    )
