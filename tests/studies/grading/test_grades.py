import numpy as np
import pytest

from echojax.errors import InputError
from echojax.studies.grading import grades
from echojax.studies.grading.grades import Key, Source
from echojax.studies.grading.methods import NOWHERE, Said

KEY = Key("patient0001_2CH_ED", "patient0001", "2CH", "ED", "good")
REGIONS = np.array([1.5, np.nan, 3, 4, 5, 6, 7, 8])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / grades.NAME
    grades.add(path, [grades.row(KEY, Source("expert", "cr"), Said(1.25, REGIONS))])
    why = "no apex, it says"
    grades.add(path, [grades.row(KEY, Source("none", "sector"), Said(80.0, NOWHERE), why)])
    return path


def test_what_is_added_is_read_back(file):
    found = grades.read(file)
    assert len(found) == 2
    assert found["why"].tolist() == ["", "no apex, it says"]
    assert found.whole.tolist() == [1.25, 80]
    np.testing.assert_array_equal(found.regions[0], REGIONS)
    assert np.isnan(found.regions[1]).all()
    assert found.sources() == [Source("expert", "cr"), Source("none", "sector")]
    assert found.of(method="sector")["frame"].tolist() == [KEY.frame]


def test_the_mean_is_of_what_is_assessable(file):
    mean = grades.read(file).mean()
    assert mean[0] == pytest.approx(np.nanmean(REGIONS))
    assert np.isnan(mean[1])


def test_a_missing_file_has_no_rows(tmp_path):
    found = grades.read(tmp_path / grades.NAME)
    assert len(found) == 0
    assert found.regions.shape == (0, 8)


@pytest.mark.parametrize(
    ("line", "message"),
    [("x,y\n", r"line 4: 'x,y'"), (",".join("x" * 19) + "\n", "line 4: 'x,x")],
)
def test_another_line_is_refused_by_its_number(file, line, message):
    file.write_text(file.read_text() + line)
    with pytest.raises(InputError, match=message):
        grades.read(file)


def test_another_header_is_refused(file):
    file.write_text("frame,grade\n")
    with pytest.raises(InputError, match=r"grades.csv: the header is not"):
        grades.read(file)
