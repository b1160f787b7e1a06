import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from echojax.resize import enlarge, reduce, resize

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
# Down by 4, up by 4, odd sizes both ways, and one axis up while the other goes down.
SIZES = [
    ((64, 48), (16, 12)),
    ((16, 12), (64, 48)),
    ((61, 43), (17, 29)),
    ((13, 17), (31, 40)),
    ((20, 33), (45, 11)),
]
TOLERANCE = 1e-3  # of 255


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)


def by_pillow(image, size, method):
    rows, columns = size
    return np.asarray(Image.fromarray(image).resize((columns, rows), FILTERS[method]))


@pytest.mark.parametrize("method", FILTERS)
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_equals_pillow_up_to_the_borders(old, new, method):
    """Reference: Pillow, mode F; tolerance 1e-3 of 255, every pixel."""
    image = noise(*old)
    resized = resize(image[..., None], new, method)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(
        resized[..., 0], by_pillow(image, new, method), rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize(("method", "jax_method"), [("bicubic", "cubic"), ("lanczos", "lanczos3")])
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_equals_jax_image_resize(old, new, method, jax_method):
    """Reference: jax.image.resize with antialiasing; tolerance 1e-3 of 255, every pixel."""
    images = noise(2, *old, 3)
    expected = jax.image.resize(
        jnp.asarray(images), (2, *new, 3), jax_method, antialias=True, precision="highest"
    )
    np.testing.assert_allclose(resize(images, new, method), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("method", FILTERS)
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_numpy_and_jax_agree(old, new, method):
    images = noise(2, *old, 1)
    on_device = resize(jnp.asarray(images), new, method)
    assert isinstance(on_device, jax.Array)
    on_host = resize(images, new, method)
    assert isinstance(on_host, np.ndarray)
    np.testing.assert_allclose(on_device, on_host, rtol=0, atol=TOLERANCE)


def test_works_inside_jit():
    image = noise(16, 12, 1)
    np.testing.assert_allclose(jax.jit(reduce)(image), reduce(image), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("method", FILTERS)
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_constant_image_stays_constant(old, new, method):
    resized = resize(np.full((*old, 1), 77.0, np.float32), new, method)
    np.testing.assert_allclose(resized, 77.0, rtol=1e-5)


def test_same_size_changes_nothing():
    image = noise(15, 22, 1)
    np.testing.assert_allclose(resize(image, (15, 22)), image, rtol=0, atol=TOLERANCE)


def test_images_and_channels_do_not_mix():
    images = noise(2, 16, 12, 3)
    together = reduce(images)
    for n in range(2):
        for c in range(3):
            alone = reduce(images[n, ..., c : c + 1])
            np.testing.assert_allclose(together[n, ..., c], alone[..., 0], rtol=0, atol=TOLERANCE)


def test_values_are_not_clipped():
    edge = np.zeros((16, 16, 1), np.float32)
    edge[:, 8:] = 255
    enlarged = enlarge(edge)
    assert enlarged.min() < -1
    assert enlarged.max() > 256


def test_reduce_and_enlarge_are_resize_by_the_scale():
    image = noise(24, 16, 1)
    np.testing.assert_array_equal(reduce(image), resize(image, (6, 4)))
    np.testing.assert_array_equal(reduce(image, 2), resize(image, (12, 8)))
    np.testing.assert_array_equal(enlarge(image), resize(image, (96, 64)))
    np.testing.assert_array_equal(enlarge(image, 2, "lanczos"), resize(image, (48, 32), "lanczos"))


@pytest.mark.parametrize("size", [(15, 16), (16, 15), (3, 4)])
def test_reduce_refuses_sizes_that_are_not_multiples(size):
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} pixels cannot be reduced by 4"):
        reduce(noise(*size, 1))
