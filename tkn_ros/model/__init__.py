"""The paper's network: torch only, no files, no clocks, no ROS."""
