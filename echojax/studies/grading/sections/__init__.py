"""The sections of a grading report, in the order of reading."""
