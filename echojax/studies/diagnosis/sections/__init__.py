"""The sections of a run's report.

A section takes the material and returns blocks, none where it has nothing to say.
"""
