"""ros2 launch tkn_ros predict.launch.py image:=/camera/image_raw."""

import os

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

# These override the config file where they are given.
OVERRIDES = ('weights', 'device', 'image_transport', 'use_sim_time')


def predictor(context):
    """The node, with those launch arguments that were given."""
    given = {name: LaunchConfiguration(name).perform(context) for name in OVERRIDES}
    overrides = {name: value for name, value in given.items() if value}
    if 'use_sim_time' in overrides:
        overrides['use_sim_time'] = overrides['use_sim_time'].lower() in ('true', '1', 'yes', 'on')
    return [
        Node(
            package='tkn_ros',
            executable='predictor',
            name='predictor',
            output='screen',
            namespace=LaunchConfiguration('namespace'),
            parameters=[LaunchConfiguration('config'), overrides],
            remappings=[('image', LaunchConfiguration('image'))],
        )
    ]


def generate_launch_description():
    """One predictor for one camera; launch it again in another namespace for the next camera."""
    config = PathJoinSubstitution([FindPackageShare('tkn_ros'), 'config', 'predict.yaml'])
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'image',
                default_value='/camera/image_raw',
                description='Topic of the camera (sensor_msgs/Image)',
            ),
            DeclareLaunchArgument(
                'namespace', default_value='tkn', description='Namespace of the node and its topics'
            ),
            DeclareLaunchArgument(
                'config', default_value=config, description='Parameter file of the node'
            ),
            DeclareLaunchArgument(
                'weights',
                default_value='',
                description='Checkpoint (.safetensors); empty: as in the config',
            ),
            DeclareLaunchArgument(
                'device',
                default_value='',
                description='auto, cpu, cuda or cuda:N; empty: as in the config',
            ),
            DeclareLaunchArgument(
                'image_transport',
                default_value='',
                choices=['', 'raw', 'compressed'],
                description='raw, or compressed for <image>/compressed',
            ),
            DeclareLaunchArgument(
                'use_sim_time',
                default_value='false',
                choices=['true', 'false', 'True', 'False'],
                description='Take the time from /clock (bags, simulators)',
            ),
            # Fast DDS's shared memory loses images of more than half a megabyte
            SetEnvironmentVariable(
                'FASTDDS_BUILTIN_TRANSPORTS', os.environ.get('FASTDDS_BUILTIN_TRANSPORTS', 'UDPv4')
            ),
            OpaqueFunction(function=predictor),
        ]
    )
