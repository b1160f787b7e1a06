"""Trained parameters as files to hand over."""
