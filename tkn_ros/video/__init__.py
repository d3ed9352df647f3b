"""Where frames come from and go to: video files, image folders, rosbags, cameras."""
