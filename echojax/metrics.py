"""How close an image is to its reference, and how often a classifier is right."""

import numpy as np

LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)  # of R, G and B; ITU-R BT.601


def psnr(reference: np.ndarray, image: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB of (rows, columns) images in [0, 1]; inf if identical.

    With a mask, bool (rows, columns), only the pixels in it count.
    """
    squares = (reference.astype(np.float64) - image.astype(np.float64)) ** 2
    error = np.mean(squares if mask is None else squares[mask])
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def ssim(reference: np.ndarray, image: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Structural similarity of (rows, columns) images in [0, 1].

    Gaussian window of 1.5 pixels and the constants of Wang et al., IEEE TIP 13(4), 2004. Images
    must have at least 11 rows and columns. With a mask, bool (rows, columns), it is the mean over
    the windows whose centre lies in it.
    """
    from skimage.metrics import structural_similarity  # takes 0.2 s

    mean, windows = structural_similarity(
        reference.astype(np.float64),
        image.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(mean if mask is None else windows[mask].mean())


def y_channel(image: np.ndarray) -> np.ndarray:
    """The Y of YCbCr that super-resolution is measured on, as MATLAB's rgb2ycbcr computes it.

    Args:
        image: RGB (rows, columns, 3) in [0, 1].

    Returns:
        float64 (rows, columns) in [16/255, 235/255].
    """
    return (16 + 219 * (image.astype(np.float64) @ LUMA)[..., 0]) / 255
