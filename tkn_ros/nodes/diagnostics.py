"""What became of the images: the predictor's counters as a message for /diagnostics."""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from tkn_ros.streaming.worker import Counters


def diagnostics(
    name: str, topic: str, counters: Counters, silent: bool, values: dict
) -> DiagnosticArray:
    """The message, without its stamp. It warns where no image comes (`silent`) or some are bad.

    Args:
        name: of the status.
        topic: of the images.
        counters: of the worker.
        silent: whether no image comes.
        values: further figures.
    """
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
