"""Echo element by element: what theory says of coherence, and what lowers it."""

import jax.numpy as jnp
import numpy as np
import pytest

from echojax.simulate import elements
from echojax.simulate.elements import BEAMS, EDGE, ELEMENTS, FOCUS

HALF_ANGLE = 0.65
SPOTS = 300  # independent depths


def probe(depth=FOCUS, contact=1.0, delays=None):
    delays = np.zeros(1, np.float32) if delays is None else delays
    depths = np.full(SPOTS, depth, np.float32)
    return elements.aperture(HALF_ANGLE, depths, contact, delays)


def gaussian(rng, *shape):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def of_scatterers(aperture, seed=0):
    """Signals of all elements (elements, spots, beams) from scatterers that lie everywhere."""
    lateral = elements.spectrum(jnp.asarray(gaussian(np.random.default_rng(seed), SPOTS, BEAMS)))
    return np.stack([elements.heard(aperture, n, lateral) for n in range(ELEMENTS)])


def factor(signals):
    """Coherence factor: means of the sum's magnitude and of the sum of magnitudes."""
    return np.abs(signals.sum(0)).mean() / np.abs(signals).sum(0).mean()


def with_noise(signals, decibels, seed=1):
    """Elements whose echo is so much stronger than their own noise."""
    noise = gaussian(np.random.default_rng(seed), *signals.shape)
    strong = np.sqrt((np.abs(signals) ** 2).mean() / (np.abs(noise) ** 2).mean())
    return signals + noise * strong * 10 ** (-decibels / 20)


@pytest.fixture(scope="module")
def focused():
    return of_scatterers(probe())


@pytest.mark.parametrize("lag", [1, 4, 8, 16, 24])
def test_coherence_at_the_focus_falls_by_the_share_of_the_probe_between_elements(focused, lag):
    """Van Cittert-Zernike: 1 - m / N (Mallart and Fink, JASA 90, 1991)."""
    one, other = focused[lag:], focused[:-lag]
    found = (one * other.conj()).mean() / np.sqrt(
        (np.abs(one) ** 2).mean() * (np.abs(other) ** 2).mean()
    )
    assert abs(found) == pytest.approx(1 - lag / ELEMENTS, abs=0.03)


def test_power_of_the_sum_at_the_focus_is_two_thirds_of_a_coherent_one(focused):
    ratio = (np.abs(focused.sum(0)) ** 2).mean() / (ELEMENTS * np.abs(focused) ** 2).sum(0).mean()
    assert ratio == pytest.approx(2 / 3, abs=0.02)
    # All signals are Gaussian: of amplitudes it is the root.
    assert factor(focused) == pytest.approx(np.sqrt(2 / 3), abs=0.02)


def test_what_is_expected_of_a_probe_is_what_its_elements_have():
    for depth in (45.0, 60.0, FOCUS, 140.0):
        expected = np.asarray(elements.focusing(probe(depth)))[0, 0]
        assert factor(of_scatterers(probe(depth))) == pytest.approx(expected, abs=0.02)


def test_noise_alone_has_the_coherence_of_chance():
    noise = gaussian(np.random.default_rng(0), ELEMENTS, SPOTS, BEAMS)
    assert factor(noise) == pytest.approx(ELEMENTS**-0.5, abs=0.005)


def test_a_point_at_the_focus_is_coherent():
    points = np.zeros((SPOTS, BEAMS), np.complex64)
    points[:, BEAMS // 2] = 1
    lateral = elements.spectrum(jnp.asarray(points))
    signals = np.stack([elements.heard(probe(), n, lateral) for n in range(ELEMENTS)])
    at = signals[:, :, BEAMS // 2]
    assert factor(at) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("decibels", [20, 10, 0, -10, -20])
def test_noise_of_the_elements_lowers_coherence_as_powers_add(focused, decibels):
    """With channel signal to noise s, power (2 s / 3 + 1 / N) / (1 + s)."""
    s = 10 ** (decibels / 10)
    expected = np.sqrt((2 * s / 3 + 1 / ELEMENTS) / (1 + s))
    assert factor(with_noise(focused, decibels)) == pytest.approx(expected, abs=0.015)


def test_a_screen_lowers_coherence_the_more_the_later_sound_is():
    screens = [elements.draw_delays(np.random.default_rng(seed), 1.0) for seed in range(3)]
    found = [
        np.mean([factor(of_scatterers(probe(delays=ns * screen))) for screen in screens])
        for ns in (0, 20, 40, 80)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] - found[1] < 0.1
    assert found[-1] < 0.85 * found[0]


def test_delays_of_a_screen_are_as_large_and_as_alike_as_they_should_be():
    drawn = np.stack([elements.draw_delays(np.random.default_rng(k), 40.0) for k in range(400)])
    assert drawn.std() == pytest.approx(40, rel=0.05)
    steps = round(elements.ALIKE / elements.SCREEN_STEP)
    alike = (drawn[:, steps:] * drawn[:, :-steps]).mean() / drawn.var()
    assert alike == pytest.approx(np.exp(-1), abs=0.06)


def test_lost_contact_lowers_coherence(focused):
    found = [factor(of_scatterers(probe(contact=part))) for part in (0.75, 0.5, 0.35)]
    # Elements that hear nothing have no magnitude: what is left is a smaller probe, as coherent.
    assert found == pytest.approx([factor(focused)] * 3, abs=0.05)
    dead = [
        factor(with_noise(of_scatterers(probe(contact=part)), 10))
        for part in (1.0, 0.75, 0.5, 0.35)
    ]
    assert dead == sorted(dead, reverse=True)


def test_elements_out_of_contact_hear_nothing():
    signals = of_scatterers(probe(contact=0.5))
    power = (np.abs(signals) ** 2).mean((1, 2))
    quarter = ELEMENTS // 4
    assert not power[: quarter - 1].any()
    assert power[quarter + 1 : -quarter - 1] == pytest.approx(power[ELEMENTS // 2], rel=0.1)


def test_the_sector_is_continued_evenly():
    signal = jnp.arange(BEAMS, dtype=jnp.float32)[None].astype(jnp.complex64)
    back = np.fft.ifft(np.asarray(elements.spectrum(signal)))[0].real
    assert back[EDGE : EDGE + BEAMS] == pytest.approx(np.arange(BEAMS), abs=1e-3)
    assert back[:EDGE] == pytest.approx(np.arange(EDGE, 0, -1), abs=1e-3)
