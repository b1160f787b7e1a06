import itertools

import numpy as np

from echojax.inference.tiles import spans, tiled


def test_spans_overlap_enough_and_are_cut_in_the_middle():
    """Every pixel that is kept sees as far as the network reaches, or to the border."""
    for length, tile, reach in itertools.product(range(1, 200), (32, 64), (3, 6, 8)):
        found = spans(length, tile, reach)
        assert (found[0].keep, found[-1].stop) == (0, length)
        assert all(one.stop == after.keep for one, after in itertools.pairwise(found))
        for span in found:
            assert span.begin == 0 or span.begin <= span.keep - reach
            assert span.end == length or span.end >= span.stop + reach
            assert 0 <= span.begin <= span.keep < span.stop <= span.end <= length
            assert span.end - span.begin == min(tile, length)


def test_what_enlarges_sees_tiles_and_every_pixel_comes_from_one():
    image, seen = np.arange(70 * 40, dtype=np.float32).reshape(70, 40, 1), []

    def enlarge(window):
        seen.append(window.shape)
        return window.repeat(2, 0).repeat(2, 1)

    result, times = np.zeros((140, 80, 1), np.float32), np.zeros((140, 80), int)
    for piece in tiled(image, enlarge, scale=2, tile=32, reach=5):
        result[piece.rows, piece.columns] = piece.values
        times[piece.rows, piece.columns] += 1
    assert set(seen) == {(32, 32, 1)}
    assert (times == 1).all()
    np.testing.assert_array_equal(result, image.repeat(2, 0).repeat(2, 1))
