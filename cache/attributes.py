"""Attributes of an HDF5 file or group whose texts lie where HDF5 guards them by checksums."""

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np


def write_attributes(item: h5py.File | h5py.Group, values: Mapping[str, Any]) -> None:
    """Set attributes; texts in a fixed length.

    Texts of varying length, h5py's default, lie in a heap without checksums: HDF5 2.0 reads some damaged heaps for ever
    and dies of others.
    """
    for name, value in values.items():
        if isinstance(value, str):
            encoded = value.encode()
            fixed = h5py.string_dtype("utf-8", max(1, len(encoded)))  # HDF5 has no text of length 0
            item.attrs.create(name, np.bytes_(encoded), dtype=fixed)
        else:
            item.attrs[name] = value


def read_attributes(item: h5py.File | h5py.Group) -> dict[str, Any]:
    """All attributes, texts of either kind as str."""
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in item.attrs.items()}
