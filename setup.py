"""`pip install .`: the half of tkn_ros that needs no ROS. colcon builds by CMakeLists.txt."""

from setuptools import setup

setup()
