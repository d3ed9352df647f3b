"""Transitions and parameters of a node in a process of its own, through its services."""


def state(rig) -> str:
    """Name of the node's state."""
    from lifecycle_msgs.srv import GetState

    name = f'/{rig.namespace}/predictor/get_state'
    return rig.station.call(GetState, name, GetState.Request()).current_state.label


def change(rig, transition: str) -> bool:
    """Whether the node made the transition."""
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    request = ChangeState.Request(transition=Transition(label=transition))
    return rig.station.call(
        ChangeState, f'/{rig.namespace}/predictor/change_state', request
    ).success


def set_values(rig, together: bool = False, **values) -> list:
    """The results of setting parameters, one each; one for all of them if `together`."""
    from rcl_interfaces.srv import SetParameters, SetParametersAtomically
    from rclpy.parameter import Parameter

    parameters = [Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
    name = f'/{rig.namespace}/predictor/set_parameters'
    if together:
        request = SetParametersAtomically.Request(parameters=parameters)
        return [rig.station.call(SetParametersAtomically, f'{name}_atomically', request).result]
    return rig.station.call(
        SetParameters, name, SetParameters.Request(parameters=parameters)
    ).results


def value_of(rig, name: str):
    """What a parameter is now."""
    from rcl_interfaces.srv import GetParameters
    from rclpy.parameter import parameter_value_to_python

    request = GetParameters.Request(names=[name])
    found = rig.station.call(GetParameters, f'/{rig.namespace}/predictor/get_parameters', request)
    value = parameter_value_to_python(found.values[0])
    return list(value) if hasattr(value, '__len__') and not isinstance(value, str) else value
