"""Simulated echo frames: a CAMUS-like folder made from nothing."""
