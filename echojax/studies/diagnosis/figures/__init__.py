"""The figures of a run, from its tables, log and example frames.

Every function takes data and a PNG path, and returns the path, or None where the data for its
figure is not there.
"""
