"""The predictor's topics and services, for people who read README.md; a test asks the node."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """One topic, or service.

    Attributes:
        name: relative to the node's namespace; below the camera's name where there are several.
        type: of its messages.
        about: one sentence, as Markdown.
        way: `in`, `out` or `service`.
    """

    name: str
    type: str
    about: str
    way: str = 'out'


TOPICS = (
    Topic(
        'image',
        'sensor_msgs/Image',
        'the camera: rgb8, bgr8, rgba8, bgra8, mono8, mono16, 8UC1, 8UC3, depth as 16UC1 (mm) or '
        '32FC1 (m), yuv422 in both orders, nv12, nv21, Bayer; `sensor_msgs/CompressedImage` on '
        '`image` + `/compressed` with `image_transport: compressed`',
        'in',
    ),
    Topic(
        'camera_info',
        'sensor_msgs/CameraInfo',
        'its calibration, beside the image (`/camera/camera_info` of `/camera/image_raw`); not '
        'needed',
        'in',
    ),
    Topic(
        'predicted_keypoints',
        'tkn_ros/PredictedKeypoints',
        "published first: the observed window and the predicted horizon, in the camera's pixels "
        'whatever `roi` and `fit` are; absent, as `markers` and `annotations`, where the '
        'weights are of a network without keypoints',
    ),
    Topic(
        'predicted_frames',
        'sensor_msgs/Image',
        'the `steps` of a prediction, nearest first; `header.stamp` is the future time that the '
        'frame shows',
    ),
    Topic('predicted_frames/compressed', 'sensor_msgs/CompressedImage', 'the same as JPEG'),
    Topic(
        'predicted_frames/camera_info',
        'sensor_msgs/CameraInfo',
        'the calibration of each, for the region and the size that it shows',
    ),
    Topic(
        'predicted_frames_info',
        'tkn_ros/PredictedFrameInfo',
        'beside each while frames are heard, with its stamp: from which image it was predicted, '
        'and which step it is',
    ),
    Topic(
        'markers',
        'visualization_msgs/MarkerArray',
        'for RViz (`rviz2 -d config/tkn.rviz`): predicted paths 1 m in front of the camera, one '
        'colour for each id, bands as wide as sigma',
    ),
    Topic(
        'annotations',
        'foxglove_msgs/ImageAnnotations',
        'for Foxglove (`config/foxglove_layout.json`): the same over the image, where '
        'foxglove_msgs is installed',
    ),
    Topic(
        'debug/montage',
        'sensor_msgs/Image',
        "for people: the newest frame with the active keypoints' predicted paths, one colour for "
        'each id, over a strip of predicted frames',
    ),
    Topic(
        'debug/latency_ms',
        'std_msgs/Float32',
        "from the image's stamp to the publishing of its keypoints",
    ),
    Topic(
        '/diagnostics',
        'diagnostic_msgs/DiagnosticArray',
        'of the last seconds: images received, dropped, bad; predictions; rate and latency; what '
        'is wrong',
    ),
    Topic('predictor/enable', 'std_srvs/SetBool', 'activate or deactivate the node', 'service'),
    Topic('predictor/reset', 'std_srvs/Trigger', 'empty the window', 'service'),
)
