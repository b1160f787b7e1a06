"""What `matrix` prints of its findings."""

from echojax.cli import printing
from echojax.studies.diagnosis import answer, material
from tests.studies.diagnosis.conftest import invent, write_run


def test_the_answer_of_the_report_and_the_mean_gains_are_printed(tmp_path, capsys):
    rows = invent(["patient"], patients=8, seeds=2, modes=["restore"])
    run = material.gather(write_run(tmp_path / "run", rows, "made up"))
    printing.findings(run)
    printed = capsys.readouterr().out
    assert all(len(line) <= 130 for line in printed.splitlines())
    assert len(printed.splitlines()) < 30
    words = " ".join(printed.replace("\N{NO-BREAK SPACE}", " ").split())
    said = [text.replace("\N{NO-BREAK SPACE}", " ") for text in answer.sentences(run)]
    assert len(said) == 2
    assert " ".join(said) in words
    assert "made up" in words
    for method in ("bicubic, restore", "SRResNet, restore"):
        assert method in words
