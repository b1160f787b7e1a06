"""Improve, grade and honestly evaluate poor echocardiography frames."""

__version__ = "0.1.0"
