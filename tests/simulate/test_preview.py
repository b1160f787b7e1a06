"""The contact sheet."""

import numpy as np
import pytest
from PIL import Image

from echojax.errors import InputError
from echojax.simulate import preview
from echojax.simulate.preview import GAP, GROUP_GAP, HEADING, HEIGHT, contact_sheet
from echojax.simulate.view import draw_frames, draw_view


def opened(path):
    with Image.open(path) as sheet:
        return np.asarray(sheet)


def test_a_sheet_holds_every_picture_under_its_heading(tmp_path):
    levels = [[60, 90, 120], [150, 180]]
    rows = [
        (label, [np.full((HEIGHT, 100), level, np.uint8) for level in row])
        for label, row in zip(("first", "second"), levels, strict=True)
    ]
    contact_sheet(tmp_path / "new" / "sheet.png", rows, ["Good", "Good", "Poor"])
    sheet = opened(tmp_path / "new" / "sheet.png")
    assert sheet.shape[0] == HEADING + 2 * (HEIGHT + GAP)
    for line, row in enumerate(levels):
        top = HEADING + line * (HEIGHT + GAP)
        for level in row:
            shown = np.nonzero((sheet[top : top + HEIGHT] == level).sum(axis=0) == HEIGHT)[0]
            assert len(shown) == 100
    starts = [np.nonzero(sheet[HEADING] == level)[0][0] for level in levels[0]]
    assert np.diff(starts).tolist() == [100 + GAP, 100 + GROUP_GAP]
    # Labels at the left, headings on top, one over each group; nothing else but black.
    assert sheet[HEADING:, : starts[0]].any()
    heads = np.nonzero(sheet[:HEADING].any(axis=0))[0]
    assert abs(heads[heads < starts[2]].mean() - (starts[0] + 100 + GAP / 2)) < 5
    assert abs(heads[heads >= starts[2]].mean() - (starts[2] + 50)) < 5


def test_pictures_of_any_size_are_shown_equally_high(tmp_path):
    pictures = [np.full(shape, 200, np.uint8) for shape in ((64, 32), (1024, 512))]
    contact_sheet(tmp_path / "sheet.png", [("real", pictures)], ["a", "b"])
    sheet = opened(tmp_path / "sheet.png")
    assert ((sheet == 200).sum(axis=0) == HEIGHT).sum() == 2 * HEIGHT / 2


def test_the_preview_shows_every_view_phase_and_quality(tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "PATIENTS", 1)
    drawn = {}

    def record(path, rows, headings):
        drawn.update(rows=rows, headings=headings)
        contact_sheet(path, rows, headings)

    monkeypatch.setattr(preview, "contact_sheet", record)
    preview.draw_preview(tmp_path / "sheet.png", seed=2)
    assert drawn["headings"] == ["Good", "Medium", "Poor"]
    assert [label for label, _ in drawn["rows"]] == ["2CH ED", "2CH ES", "4CH ED", "4CH ES"]
    assert [len(row) for _, row in drawn["rows"]] == [3] * 4
    poor = draw_frames(draw_view(2, 2, "4CH", "Poor"), HEIGHT).images
    assert np.array_equal(drawn["rows"][3][1][2], poor[1])
    sheet = opened(tmp_path / "sheet.png")
    assert sheet.shape[0] == HEADING + 4 * (HEIGHT + GAP)
    lit = sheet[HEADING:] > 0
    assert 0.25 < lit.mean() < 0.7


def test_a_place_where_no_picture_can_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: is a file; choose another folder"):
        preview.check_destination(tmp_path / "file" / "deep" / "sheet.png")
    with pytest.raises(InputError, match="is a folder"):
        preview.check_destination(tmp_path)
    preview.check_destination(tmp_path / "new" / "deep" / "sheet.png")
    preview.check_destination(tmp_path / "file")


def test_a_preview_that_fails_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "save", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        contact_sheet(tmp_path / "s.png", [("a", [np.zeros((8, 8), np.uint8)])], ["b"])
    assert list(tmp_path.iterdir()) == []
