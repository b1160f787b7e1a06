import pytest

from echojax.weights import networks
from tests.training.line import Line, LineSettings


@pytest.fixture(autouse=True)
def a_line_is_a_network(monkeypatch):
    """Files and checkpoints can say that they hold one."""
    monkeypatch.setitem(networks.KINDS, "line", networks.Kind(Line, LineSettings))
