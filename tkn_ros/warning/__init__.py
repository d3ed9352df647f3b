"""Danger warnings from predicted keypoints: NumPy alone, no ROS, no pictures."""
