"""Sources of frames: from files to `Frames` or batches of crops."""
