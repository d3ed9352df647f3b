"""ros2 launch tkn_ros two_cameras.launch.py left:=/left/image_raw right:=/right/image_raw.

An example of including predict.launch.py: one network in one process for two cameras, with outputs
in /tkn/left and /tkn/right.
"""

from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription


def generate_launch_description():
    """One predictor for both, in a scope of its own."""
    file = PathJoinSubstitution([FindPackageShare('tkn_ros'), 'launch', 'predict.launch.py'])
    left, right = LaunchConfiguration('left'), LaunchConfiguration('right')
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'left',
                default_value='/left/image_raw',
                description='Topic of the left camera (sensor_msgs/Image)',
            ),
            DeclareLaunchArgument(
                'right',
                default_value='/right/image_raw',
                description='Topic of the right camera (sensor_msgs/Image)',
            ),
            GroupAction(
                [
                    IncludeLaunchDescription(
                        PythonLaunchDescriptionSource(file),
                        launch_arguments={
                            'cameras': ['["left=', left, '", "right=', right, '"]'],
                        }.items(),
                    )
                ]
            ),
        ]
    )
