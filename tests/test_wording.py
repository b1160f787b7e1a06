import pytest

from echojax import wording


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (3.14, "3.1 s"),
        (42.4, "42 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7140, "119 min"),
        (7200, "2.0 h"),
        (35_000, "9.7 h"),
        (104_276, "29 h"),
        (6_000_000, "1,667 h"),
    ],
)
def test_times_have_the_unit_that_people_would_use(seconds, said):
    assert wording.duration(seconds) == said


def test_sizes_are_of_megabytes_or_gigabytes():
    assert wording.size(120_000) == "0.1 MB"
    assert wording.size(15_240_000_000) == "15.2 GB"
