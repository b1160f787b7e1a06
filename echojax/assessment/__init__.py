"""Files and folders, segmented and graded: what goes where, one frame at a time."""
