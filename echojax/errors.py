"""Errors a user can act on; the command line prints them as one line."""


class EchojaxError(Exception):
    """Something failed while running; exit code 1."""

    exit_code = 1


class InputError(EchojaxError):
    """Bad input or usage: says what, where, and what to do; exit code 2."""

    exit_code = 2
