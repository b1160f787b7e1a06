import pytest

from echojax.weights import kinds
from tests.training.line import Line, LineSettings


@pytest.fixture(autouse=True)
def a_line_is_a_network(monkeypatch):
    """Files and checkpoints can say that they hold one."""
    monkeypatch.setitem(kinds.KINDS, "line", kinds.Kind(Line, LineSettings))
