"""Run directories: what was asked, what was trained from what, and what happened."""
