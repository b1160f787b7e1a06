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
    ((20, 33), (45, 11)),
]
TOLERANCE = 1e-3  # of 255


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)


def by_pillow(image, size, method):
    rows, columns = size
    return np.asarray(Image.fromarray(image).resize((columns, rows), FILTERS[method]))


@pytest.mark.parametrize(
    ("old", "new", "method"), [*((*sizes, "bicubic") for sizes in SIZES), (*SIZES[-1], "lanczos")]
)
def test_equals_pillow_up_to_the_borders(old, new, method):
    """Reference: Pillow, mode F, of every image and channel; tolerance 1e-3 of 255, every pixel."""
    images = noise(2, *old, 3)
    on_host, on_device = (resize(x, new, method) for x in (images, jnp.asarray(images)))
    assert isinstance(on_host, np.ndarray)
    assert isinstance(on_device, jax.Array)
    assert on_host.dtype == on_device.dtype == np.float32
    for n, c in np.ndindex(2, 3):
        expected = by_pillow(images[n, ..., c], new, method)
        for resized in (on_host, on_device):
            np.testing.assert_allclose(resized[n, ..., c], expected, rtol=0, atol=TOLERANCE)


def test_equals_jax_image_resize():
    """Reference: jax.image.resize with antialiasing; tolerance 1e-3 of 255, every pixel."""
    old, new = SIZES[-1]
    images = noise(2, *old, 3)
    expected = jax.image.resize(
        jnp.asarray(images), (2, *new, 3), "cubic", antialias=True, precision="highest"
    )
    np.testing.assert_allclose(resize(images, new), expected, rtol=0, atol=TOLERANCE)


def test_works_inside_jit():
    image = noise(16, 12, 1)
    np.testing.assert_allclose(jax.jit(reduce)(image), reduce(image), rtol=0, atol=TOLERANCE)


def test_same_size_changes_nothing():
    image = noise(15, 22, 1)
    np.testing.assert_allclose(resize(image, (15, 22)), image, rtol=0, atol=TOLERANCE)


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


@pytest.mark.parametrize("size", [(15, 16), (16, 15)])
def test_reduce_refuses_sizes_that_are_not_multiples(size):
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} pixels cannot be reduced by 4"):
        reduce(noise(*size, 1))
