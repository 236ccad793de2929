"""From float16 to float32, block by block: numpy's own cast does it in software on most builds."""

import math

import numpy as np

ELEMENTS = 1 << 17  # at a time: few enough to stay in a core's own cache from one pass to the next
SHIFT = 13  # bits that the mantissa of float32 is longer
SIGN_AND_REST = np.int32(-0x70000001)  # all but the copies of the sign that the exponent's further bits hold
SCALE = np.float32(2.0**112)  # between the biases of the exponents, 127 and 15
LAST, LAST_NEGATIVE = 0x7C00, 0xFC00  # infinity as an integer: from here on a value is not finite


def widen(values: np.ndarray, out: np.ndarray, rows: np.ndarray | None = None) -> bool:
    """Put rows of an array into one of float32, exactly, and tell whether all of them are finite.

    Of float16 the bits are moved to their places and scaled, four passes over a block in the processor's cache: less
    than half of the time there of numpy's cast and of a table of all 65,536 values.

    Parameters
    ----------
    values : ndarray, shape (N, ...)
        A memory map is read as it is used.
    out : ndarray of float32, shape (n, ...)
        Strides of any kind.
    rows : ndarray of int, shape (n,), optional
        All of them by default, n = N.

    Returns
    -------
    bool

    Examples
    --------
    >>> out = np.empty(3, np.float32)
    >>> widen(np.array([0.5, -65504, 6e-8], np.float16), out), out.tolist()
    (True, [0.5, -65504.0, 5.960464477539063e-08])
    """
    values = np.asarray(values)  # slices of a memory map cost more
    step = max(ELEMENTS // max(math.prod(values.shape[1:]), 1), 1)
    finite = True
    for start in range(0, len(out), step):
        part = slice(start, start + step)
        finite &= _widen_block(values[part] if rows is None else values[rows[part]], out[part])
    return finite


def all_finite(values: np.ndarray) -> bool:
    """Whether no value is infinite or no number; of float16 told by its bits, ten times as fast as `np.isfinite`."""
    if values.dtype != np.float16:
        return bool(np.isfinite(values).all())
    highest = values.view(np.int16).max(initial=0), values.view(np.uint16).max(initial=0)
    return bool(highest[0] < LAST and highest[1] < LAST_NEGATIVE)


def _widen_block(values: np.ndarray, out: np.ndarray) -> bool:
    finite = all_finite(values)
    if values.dtype != np.float16 or not finite:
        out[...] = values
        return finite
    bits = out.view(np.int32)
    bits[...] = values.view(np.int16)  # the sign is repeated in front
    np.left_shift(bits, SHIFT, out=bits)
    np.bitwise_and(bits, SIGN_AND_REST, out=bits)
    np.multiply(out, SCALE, out=out)
    return True
