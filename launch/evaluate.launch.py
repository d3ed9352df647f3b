"""ros2 launch tkn_ros evaluate.launch.py bag:=DRIVE: a recording through predictor and evaluator.

`trust` and /diagnostics say what the predictions are worth; all ends with the recording. Figures
of a whole drive, faster and without drops: `tkn evaluate --bag DRIVE --report DIR`.
"""

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from tkn_ros.nodes.launched import launched
from tkn_ros.transports import receiver

ARGUMENTS = [
    ('bag', '', 'Recording: rosbag2 folder or .mcap, ROS 1 .bag, video; empty: a synthetic clip'),
    ('topic', '', 'Image topic of a bag with several'),
    ('rate', '1.0', 'Speed of playing'),
    ('image', '/camera/image_raw', 'Topic that it is played on'),
    ('namespace', 'tkn', 'Namespace of predictor and evaluator'),
    ('span', '10.0', 'Seconds that the rolling figures are taken over'),
    ('pictures_every', '1.0', 'Judge the predicted frames once in so many seconds; 0: never'),
    ('record', '', 'Bag to write images and predictions into; empty: none'),
]


def nodes(context):
    """Replay, evaluator and, where `record` is given, the recorder."""

    def given(name):
        return LaunchConfiguration(name).perform(context)

    bag, record = given('bag'), given('record')
    pictures = float(given('pictures_every'))
    about = {
        'package': 'tkn_ros',
        'output': 'screen',
        'additional_env': receiver(context.environment) | launched(),
    }
    ours = about | {
        'namespace': given('namespace'),
        'remappings': [('image', given('image'))],
    }
    replay = Node(
        executable='replay',
        name='replay',
        parameters=[
            {
                'video': bag,
                'topic': given('topic'),
                'rate': float(given('rate')),
                # predictor, evaluator where it receives images, recorder
                'wait_for_subscribers': 1 + (pictures > 0) + bool(record),
                'wait_seconds': 120.0,
            }
        ],
        remappings=[('camera/image_raw', given('image'))],
        **about,
    )
    started = [
        Node(
            executable='evaluator',
            name='evaluator',
            parameters=[{'span': float(given('span')), 'pictures_every': pictures}],
            **ours,
        ),
        replay,
        RegisterEventHandler(
            OnProcessExit(
                target_action=replay,
                on_exit=[EmitEvent(event=Shutdown(reason='the recording has ended'))],
            )
        ),
    ]
    if record:
        started.insert(
            0, Node(executable='recorder', name='recorder', parameters=[{'bag': record}], **ours)
        )
    return started


def generate_launch_description():
    """Arguments of predict.launch.py go to the predictor as they are."""
    predict = PathJoinSubstitution([FindPackageShare('tkn_ros'), 'launch', 'predict.launch.py'])
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, default, description in ARGUMENTS
            ),
            GroupAction([IncludeLaunchDescription(PythonLaunchDescriptionSource(predict))]),
            OpaqueFunction(function=nodes),
        ]
    )
