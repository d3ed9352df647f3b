"""What became of the images: the predictor's counters as a message for /diagnostics."""

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue


@dataclass
class Counters:
    """Images and predictions since the node's start."""

    received: int = 0
    encoded: int = 0
    predictions: int = 0
    frames_decoded: int = 0
    dropped: int = 0  # images for which a prediction was due and not made
    bad: int = 0
    resets: int = 0


def diagnostics(
    name: str, topic: str, counters: Counters, silent: bool, values: dict
) -> DiagnosticArray:
    """The message, without its stamp. It warns where no image comes (`silent`) or some are bad."""
    if silent:
        level, text = DiagnosticStatus.WARN, f'no image on {topic}'
    elif counters.bad:
        level, text = DiagnosticStatus.WARN, f'{counters.bad} bad images'
    else:
        level, text = DiagnosticStatus.OK, 'predicting'
    return DiagnosticArray(
        status=[
            DiagnosticStatus(
                level=level,
                name=name,
                message=text,
                hardware_id=topic,
                values=[
                    KeyValue(key=k, value=str(v)) for k, v in {**vars(counters), **values}.items()
                ],
            )
        ]
    )
