"""The gwcs that a product holds in its ASDF extension."""

from __future__ import annotations

import io
import warnings

import yaml

from jwgpu.errors import InputError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def gwcs(raw: bytes, name: str):
    """Return the gwcs in the bytes of an ASDF extension."""
    import asdf

    try:
        with warnings.catch_warnings(), asdf.config_context() as settings:
            warnings.simplefilter("ignore")  # of standards that older products were written by
            settings.validate_on_read = False  # a transform that cannot be made fails without it, too
            with asdf.open(io.BytesIO(_alone(raw)), lazy_load=False, memmap=False) as file:
                found = file.tree["meta"]["wcs"]
        if not hasattr(found, "forward_transform"):
            raise TypeError(f"it is no gwcs but a {type(found).__name__}")
        return found
    except Exception as error:  # the reader has many kinds of failure and all mean the same here
        raise InputError(
            f"the transform between pixels and sky in {name} cannot be read ({error}); make it again with assign_wcs"
        ) from error


def _alone(raw: bytes) -> bytes:
    """Return an ASDF file of which nothing but `meta.wcs` is left.

    The official software lets the tree point to the other extensions of the FITS file, where ASDF alone finds nothing.
    """
    text, end, blocks = raw.partition(b"\n...")
    head = text.partition(b"\n---")[0]
    root = yaml.compose((text + end).decode("utf-8"), Loader=_Loader)
    node = root
    for name in ("meta", "wcs"):
        node.value = [(key, value) for key, value in node.value if key.value == name]
        node = node.value[0][1]
    tree = yaml.serialize(root, explicit_start=True, explicit_end=True).encode("ascii")
    # The index of the blocks counts bytes from the start of the old file; readers do without it.
    blocks = blocks.partition(b"#ASDF BLOCK INDEX")[0]
    return head + b"\n" + tree.rstrip(b"\n") + blocks
