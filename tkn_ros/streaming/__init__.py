"""The sliding window at speed: no ROS."""
