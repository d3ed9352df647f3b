"""The predictor node: cameras in, their predicted frames and keypoints out.

A managed (lifecycle) node. configure loads the weights and warms up, activate subscribes and
publishes, deactivate stops all work, cleanup gives the memory back; at the start it does the first
two by itself unless the parameter `autostart` is false. What is predicted, and when, is the policy
of `streaming/worker.py`; see config/predict.yaml for the parameters and README.md for the topics.
"""

import gc
import os
import time
from pathlib import Path

import torch
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from tkn_ros.baselines.checkpoints import load_network
from tkn_ros.model.devices import select_device
from tkn_ros.nodes.camera_stream import CameraStream
from tkn_ros.nodes.diagnostics import DiagnosticsPublisher, to_status
from tkn_ros.nodes.heap import give_back, keep_freed
from tkn_ros.nodes.predictor_parameters import (
    PARAMETERS,
    Settings,
    check,
    current_values,
    declare_parameters,
)
from tkn_ros.nodes.run import BAD_INPUT, run
from tkn_ros.streaming.frame_drawing import CHUNK, make_drawing
from tkn_ros.streaming.health import ERROR, OK, Report
from tkn_ros.streaming.job_thread import JobThread
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.select import make_backend
from tkn_ros.streaming.warm_up import warm_up
from tkn_ros.streaming.worker import Worker
from tkn_ros.video.limits import allow_pixels
from tkn_ros.video.stamps import NS

FIXED = {p.name for p in PARAMETERS if not p.running}
WATCHED = 0.2  # [s] between looks at publishers and silence

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class PredictorNode(LifecycleNode):
    """One network for one or several cameras."""

    def __init__(self) -> None:
        super().__init__('predictor')
        keep_freed()
        declare_parameters(self)
        self.reason = ''  # why it could not be configured, or what ended the last activity
        self.failure: Exception | None = None
        self.settings: Settings | None = None  # while it is configured
        self.cameras: list[CameraStream] = []
        self.worker, self.drawer = Worker(), JobThread('drawing', self._drawing_failed)
        self.add_on_set_parameters_callback(self._check_parameters)
        if hasattr(self, 'add_post_set_parameters_callback'):  # not in Humble
            self.add_post_set_parameters_callback(lambda _: self._apply_parameters())
        self.create_service(SetBool, '~/enable', self._enable)
        self.create_service(Trigger, '~/reset', self._reset)
        self.diagnostics = DiagnosticsPublisher(self, self._statuses)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still
        self.create_timer(WATCHED, self._watch, clock=steady)
        self.executor_kind = self.get_parameter('executor').value
        self.autostarts = bool(self.get_parameter('autostart').value)
        if self.autostarts:
            if self.trigger_configure() != SUCCESS:
                raise self.failure or RuntimeError(self.reason)
            self.trigger_activate()
            self.autostarts = False

    # ---- transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the weights, choose a backend, make the slow first passes."""
        try:
            self._configure()
        except Exception as error:
            self._free()
            self.failure = error
            self.reason = f'cannot be configured: {" ".join(str(error).split())}'
            if not self.autostarts:
                self.get_logger().error(self.reason)
            if isinstance(error, BAD_INPUT):
                return FAILURE  # unconfigured, to be tried again with other parameters
            raise
        self.reason, self.failure = '', None
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and publish."""
        self.worker.start()
        self.drawer.start()
        result = super().on_activate(state)
        for camera in self.cameras:
            camera.subscribe()
            assert camera.images_in is not None
            self.get_logger().info(f'waiting for images: {camera.images_in.describe()}')
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, and end what is being worked at."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back the network's memory."""
        self._free()
        return SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """From any state: as deactivate and cleanup."""
        self._free()
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """What could not be foreseen: free all; the node may be configured again."""
        self.get_logger().error(f'{self.reason or "a transition failed"}; unconfigured again')
        self._free()
        return SUCCESS

    def _configure(self) -> None:
        settings = check(current_values(self))
        allow_pixels(settings.max_pixels)
        # a thread more than there are free cores makes inference many times slower, not faster
        torch.set_num_threads(settings.threads or max(1, (os.cpu_count() or 2) - 1))
        model = load_network(settings.weights, select_device(settings.device))
        engine = make_backend(
            model, settings.backend, horizon=settings.horizon, window=settings.window
        )
        period = round(NS / settings.frame_rate) if settings.frame_rate else 0
        self.worker, self.settings = Worker(), settings
        for name, topic in settings.cameras:
            window = make_window(model, settings.window, period, engine)
            drawing = make_drawing(window, min(len(settings.steps), CHUNK))
            if not self.cameras and (blank := warm_up(window, settings.horizon)) is not None:
                size = settings.size_for((480, 640))
                list(drawing.frames(blank, settings.steps[:1], size))
            self.cameras.append(
                CameraStream(
                    self,
                    name,
                    topic,
                    settings,
                    window,
                    drawing,
                    self.worker,
                    self.drawer,
                    Path(settings.weights).name or 'default',
                )
            )
        self.get_logger().info(
            f'{window.window} frames in, {settings.horizon} out, on {window.device} by '
            f'{engine.name} {engine.precision} ({engine.reason})'
        )
        if not window.has_keypoints:
            self.get_logger().info('this network has no keypoints: frames alone are published')

    def _stop(self) -> None:
        """No image is received and nothing computed any more."""
        for camera in self.cameras:
            camera.unsubscribe()
        if not (self.worker.stop() and self.drawer.stop()):
            raise RuntimeError('the network did not come to an end')

    def _free(self) -> None:
        self._stop()
        for camera in self.cameras:
            camera.close()
        self.cameras.clear()
        self.worker, self.settings = Worker(), None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        give_back()

    # ---- services and parameters

    @property
    def state(self) -> int:
        """One of lifecycle_msgs/State's primary states."""
        return self._state_machine.current_state[0]

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data and self.state == State.PRIMARY_STATE_UNCONFIGURED:
            self.trigger_configure()
        if request.data and self.state == State.PRIMARY_STATE_INACTIVE:
            self.trigger_activate()
        elif not request.data and self.state == State.PRIMARY_STATE_ACTIVE:
            self.trigger_deactivate()
        active = self.state == State.PRIMARY_STATE_ACTIVE
        response.success = active == request.data
        response.message = self.reason or ('active' if active else 'not active')
        return response

    def _reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        for camera in self.cameras:
            camera.stream.forget()
        response.success = self.state == State.PRIMARY_STATE_ACTIVE
        response.message = 'the window restarts' if response.success else 'the node is not active'
        return response

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        """All of them together, before any is set."""
        values = current_values(self)
        changes = {p.name: p.value for p in parameters if p.name in values}
        if self.settings is not None:
            for name in sorted(FIXED & changes.keys()):
                if changes[name] != values[name]:
                    return SetParametersResult(
                        successful=False,
                        reason=f'{name} is read-only while the node is configured: clean up '
                        f'first (ros2 lifecycle set {self.get_fully_qualified_name()} cleanup)',
                    )
        try:
            settings = check(values | changes)
            for camera in self.cameras:
                camera.check(settings)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if not hasattr(self, 'add_post_set_parameters_callback'):
            self._apply(settings)
        return SetParametersResult(successful=True)

    def _apply_parameters(self) -> None:
        if self.settings is not None:
            self._apply(check(current_values(self)))

    def _apply(self, settings: Settings) -> None:
        if self.settings is not None:
            self.settings = settings
        for camera in self.cameras:
            camera.apply(settings)

    # ---- watching

    def _watch(self) -> None:
        for camera in self.cameras:
            camera.watch()

    def _drawing_failed(self, error: Exception) -> None:
        text = f'frames cannot be drawn: {" ".join(str(error).split())}'
        for camera in self.cameras:
            camera.failure = text, time.monotonic()
        if self.context.ok():
            self.get_logger().error(text, throttle_duration_sec=5.0)

    def _statuses(self) -> list[DiagnosticStatus]:
        name = 'prediction'
        active = self.state == State.PRIMARY_STATE_ACTIVE
        state = self._state_machine.current_state[1]
        if not active or not self.cameras:
            report = Report(ERROR if self.reason else OK, self.reason or state, {'state': state})
            return [to_status(name, '', report)]
        found = []
        for camera in self.cameras:
            report = camera.report()
            report.values['state'] = state
            found.append(to_status(f'{name} {camera.name}'.rstrip(), camera.topic, report))
        return found

    def destroy_node(self) -> None:
        """Stop the threads before the publishers go."""
        self._stop()
        super().destroy_node()


def main() -> int:
    """`ros2 run tkn_ros predictor`."""
    return run(PredictorNode)


if __name__ == '__main__':
    raise SystemExit(main())
