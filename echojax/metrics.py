"""How close an image is to its reference, and how often a classifier is right."""

import numpy as np

LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)  # of R, G and B; ITU-R BT.601


SSIM_WINDOW = 11  # pixels


def psnr(reference: np.ndarray, image: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB; inf if identical.

    Args:
        reference: (rows, columns) in [0, 1].
        image: the same.
        mask: the pixels (rows, columns) that count; all by default.
    """
    squares = (reference.astype(np.float64) - image.astype(np.float64)) ** 2
    error = np.mean(squares if mask is None else squares[mask])
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def ssim(reference: np.ndarray, image: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Structural similarity.

    Gaussian window of 1.5 pixels and the constants of Wang et al., IEEE TIP 13(4), 2004; averaged
    over the places where all of the window is inside of the images.

    Args:
        reference: (rows, columns) in [0, 1], at least 11 of each.
        image: the same.
        mask: the pixels (rows, columns) to average over; all by default.
    """
    from skimage.metrics import structural_similarity  # takes 0.2 s

    _, everywhere = structural_similarity(
        reference.astype(np.float64),
        image.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    inside = (slice(SSIM_WINDOW // 2, -(SSIM_WINDOW // 2)),) * 2
    local = everywhere[inside]
    return float(np.mean(local if mask is None else local[mask[inside]]))


def y_channel(image: np.ndarray) -> np.ndarray:
    """The Y of YCbCr that super-resolution is measured on, as MATLAB's rgb2ycbcr computes it.

    Args:
        image: RGB (rows, columns, 3) in [0, 1].

    Returns:
        float64 (rows, columns) in [16/255, 235/255].
    """
    return (16 + 219 * (image.astype(np.float64) @ LUMA)[..., 0]) / 255
