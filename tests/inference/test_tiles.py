import itertools

import numpy as np
import pytest

from echojax import resize
from echojax.inference import tiles


def noise(*shape):
    return np.random.default_rng(1).random(shape, np.float32)


def test_spans_overlap_enough_and_are_cut_in_the_middle():
    """Every pixel that is kept sees as far as the network reaches, or to the border."""
    for length, tile, reach in itertools.product(range(1, 200), (32, 64), (3, 6, 8)):
        spans = tiles.spans(length, tile, reach)
        assert (spans[0].keep, spans[-1].stop) == (0, length)
        assert all(one.stop == after.keep for one, after in itertools.pairwise(spans))
        for span in spans:
            assert span.begin == 0 or span.begin <= span.keep - reach
            assert span.end == length or span.end >= span.stop + reach
            assert 0 <= span.begin <= span.keep < span.stop <= span.end <= length
            assert span.end - span.begin == min(tile, length)


@pytest.mark.parametrize(
    ("size", "scale"), [((1, 1), 8), ((5, 90), 2), ((32, 32), 4), ((77, 45), 3)]
)
def test_pieces_cover_the_image_once_and_are_those_of_the_whole(size, scale):
    """Reference: bicubic enlargement, which reaches two pixels far; tolerance 1e-6."""
    image = noise(*size, 3)
    whole = resize.enlarge(image, scale)
    seen, times = np.full_like(whole, np.nan), np.zeros(whole.shape[:2], int)
    for piece in tiles.tiled(
        image, lambda window: resize.enlarge(window, scale), scale=scale, tile=32, reach=3
    ):
        seen[piece.rows, piece.columns] = piece.values
        times[piece.rows, piece.columns] += 1
    assert (times == 1).all()
    np.testing.assert_allclose(seen, whole, rtol=0, atol=1e-6)
