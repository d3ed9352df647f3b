"""From paths to recordings, and from recordings to prepared clips."""
