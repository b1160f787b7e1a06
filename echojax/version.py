"""The version of echojax."""

__version__ = "0.2.0"
