"""ros2 launch tkn_ros predict.launch.py image:=/camera/image_raw horizon:=20."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription
from tkn_ros.nodes.launch_arguments import overrides, parameters_of, sim_time
from tkn_ros.nodes.launched import launched
from tkn_ros.transports import receiver

CONFIG = Path(get_package_share_directory('tkn_ros')) / 'config' / 'predict.yaml'
PARAMETERS = parameters_of(CONFIG)  # each of them may be given as an argument, too


def predictor(context):
    """The node, with those launch arguments that were given."""

    def given(name):
        return LaunchConfiguration(name).perform(context)

    parameters = overrides({name: given(name) for name in PARAMETERS}, PARAMETERS)
    parameters |= sim_time(given('use_sim_time'))
    return [
        Node(
            package='tkn_ros',
            executable='predictor',
            name='predictor',
            output='screen',
            namespace=LaunchConfiguration('namespace'),
            parameters=[LaunchConfiguration('config'), parameters],
            remappings=[('image', LaunchConfiguration('image'))],
            # of this process only
            additional_env=receiver(context.environment) | launched(),
        )
    ]


def generate_launch_description():
    """One predictor; every parameter of config/predict.yaml is an argument."""
    arguments = [
        ('image', '/camera/image_raw', 'Topic of the camera (sensor_msgs/Image)'),
        ('namespace', 'tkn', 'Namespace of the node and its topics'),
        ('config', str(CONFIG), 'Parameter file of the node'),
        *(
            (name, '', f'Parameter of the node as YAML; empty: as in the config ({value!r})')
            for name, value in PARAMETERS.items()
        ),
    ]
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, default, description in arguments
            ),
            DeclareLaunchArgument(
                'use_sim_time',
                default_value='',
                choices=['', 'true', 'false', 'True', 'False'],
                description='Take the time from /clock; empty: as the including file sets it',
            ),
            OpaqueFunction(function=predictor),
        ]
    )
