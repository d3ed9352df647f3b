"""ros2 launch tkn_ros danger.launch.py image:=/camera/image_raw zones:=zones.yaml."""

from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from tkn_ros.nodes.launch_arguments import sim_time
from tkn_ros.nodes.launched import launched


def nodes(context):
    """The warning node, and where trust is demanded the evaluator that measures it.

    Without use_sim_time they take the time as a parent's SetParameter says.
    """
    given = {name: LaunchConfiguration(name).perform(context) for name in ('zones', 'camera')}
    time = sim_time(LaunchConfiguration('use_sim_time').perform(context))
    least = float(LaunchConfiguration('least_trust').perform(context))
    about = {
        'package': 'tkn_ros',
        'output': 'screen',
        'namespace': LaunchConfiguration('namespace'),
        'additional_env': launched(),
    }
    parameters = given | time | {'least_trust': least}
    warning = Node(executable='warning', name='warning', parameters=[parameters], **about)
    if not least:
        return [warning]
    judged = time | {'pictures_every': 0.0, 'least_trust': least}
    return [warning, Node(executable='evaluator', name='evaluator', parameters=[judged], **about)]


def generate_launch_description():
    """Predictor and warning node of one camera, which share a namespace.

    For the next camera launch it again, or include it again, in another namespace: topics and the
    camera's name in the warnings follow from that. Further arguments of predict.launch.py go to it
    as they are.
    """
    share = FindPackageShare('tkn_ros')
    predict = PathJoinSubstitution([share, 'launch', 'predict.launch.py'])
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'namespace', default_value='tkn', description='Namespace of both nodes'
            ),
            DeclareLaunchArgument(
                'zones',
                default_value=PathJoinSubstitution([share, 'config', 'warning.yaml']),
                description='YAML file of zones, or the YAML itself',
            ),
            DeclareLaunchArgument(
                'camera',
                default_value='',
                description="The camera's name in the warnings; empty: the namespace",
            ),
            DeclareLaunchArgument(
                'least_trust',
                default_value='0.0',
                description='Trust in the predictions, 0 to 1, below which every zone is at least '
                'CAUTION; 0: it is not measured',
            ),
            DeclareLaunchArgument(
                'use_sim_time',
                default_value='',
                choices=['', 'true', 'false', 'True', 'False'],
                description='Take the time from /clock; empty: as the including file sets it',
            ),
            # scoped: what predict.launch.py sets stays its own
            GroupAction([IncludeLaunchDescription(PythonLaunchDescriptionSource(predict))]),
            OpaqueFunction(function=nodes),
        ]
    )
