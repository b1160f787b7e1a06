import numpy as np
import pytest
from flax import nnx
from scipy.ndimage import gaussian_filter

from echojax.inference import filters
from echojax.inference.sector import rms_change
from echojax.models.srresnet import SRResNet, SRResNetSettings, start_as_interpolation


def sector_of_frame():
    rows, columns = np.mgrid[:150, :180]
    radius, angle = np.hypot(rows, columns - 90), np.arctan2(columns - 90, rows)
    return (radius < 140) & (np.abs(angle) < np.pi / 4)


INSIDE = sector_of_frame()
OUTSIDE = gaussian_filter(INSIDE.astype(float), 3) < 1e-3  # the hull's edge left out


@pytest.fixture
def frame():
    """Structure between 0.1 and 0.5 in a sector, a mark outside of it."""
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=INSIDE.shape), 5)
    scaled = 0.1 + 0.4 * (smooth - smooth.min()) / np.ptp(smooth)
    made = np.where(INSIDE, scaled, 0).astype(np.float32)
    made[140:143, 4:7] = 0.8
    return made


@pytest.fixture(scope="module")
def network(random_network):
    settings = SRResNetSettings(scale=1, blocks=1, channels=4)
    return random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))


@pytest.fixture(params=[*filters.FILTERS, "restorer"])
def change(request, network):
    if request.param == "restorer":
        return lambda frame: filters.restore(frame, network)
    return filters.FILTERS[request.param]


def noisy(frame, sigma=0.05):
    grain = np.random.default_rng(1).normal(scale=sigma, size=frame.shape)
    return np.where(INSIDE, frame + grain, frame).clip(0, 1).astype(np.float32)


def test_filters_change_the_sector_and_nothing_around_it(frame, change):
    given = noisy(frame)
    result = change(given)
    assert result.shape == given.shape
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    np.testing.assert_array_equal(result[OUTSIDE], given[OUTSIDE])
    assert rms_change(given[None], result[None]) > 1


@pytest.mark.parametrize("name", filters.FILTERS)
@pytest.mark.parametrize("level", [0, 0.5])
def test_a_frame_of_one_gray_level_stays_as_it_is(name, level):
    flat = np.full((64, 64), level, np.float32)
    np.testing.assert_array_equal(filters.FILTERS[name](flat), flat)


def test_normalising_reaches_the_levels_of_good_frames(frame):
    """Reference: FACTS, 83 and 180 of 255 for the sector's median and 95th percentile."""
    for darker in (1.0, 0.5, 0.2):
        result = filters.normalize(darker * frame)
        found = 255 * np.percentile(result[INSIDE], [50, 95])
        np.testing.assert_allclose(found, [83, 180], atol=1.5)


def test_normalising_keeps_the_order_of_gray_levels(frame):
    order = np.argsort(frame[INSIDE])
    assert np.all(np.diff(filters.normalize(frame)[INSIDE][order]) >= -1e-6)


def test_equalising_raises_the_contrast(frame):
    assert filters.clahe(frame)[INSIDE].std() > 1.5 * frame[INSIDE].std()


@pytest.mark.parametrize("sigma", [0.02, 0.06])
def test_noise_is_measured(frame, sigma):
    assert filters.noise(noisy(frame, sigma)) == pytest.approx(sigma, rel=0.1)


def test_nlmeans_takes_noise_away_and_leaves_what_has_none(frame):
    given = noisy(frame)
    before, after = (rms_change(frame[None], x[None]) for x in (given, filters.nlmeans(given)))
    assert after < 0.6 * before
    assert rms_change(frame[None], filters.nlmeans(frame)[None]) < 1


def test_a_restorer_at_its_start_changes_nothing(frame):
    model = SRResNet(SRResNetSettings(scale=1, blocks=1, channels=4), rngs=nnx.Rngs(0))
    start_as_interpolation(model)
    np.testing.assert_allclose(filters.restore(frame, model), frame, atol=1e-6)


def test_a_change_counts_in_the_sector_only(frame):
    brighter = np.where(OUTSIDE, 1, frame + 0.1).astype(np.float32)
    assert rms_change(frame[None], brighter[None]) == pytest.approx(25.5, rel=0.01)
    outside = np.where(OUTSIDE, 1, frame).astype(np.float32)
    assert rms_change(frame[None], outside[None]) == 0


def test_every_frame_counts_alike():
    black, gray = np.zeros((20, 20), np.float32), np.full((20, 20), 0.5, np.float32)
    frames = np.stack([gray, gray])
    assert rms_change(frames, np.stack([gray, gray + 0.2])) == pytest.approx(51 / np.sqrt(2))
    assert rms_change(black[None], black[None]) == 0
