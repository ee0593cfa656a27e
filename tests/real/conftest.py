"""Reference files of one value, for real exposures whose own are not public."""

import numpy as np
import pytest
from astropy.io import fits


@pytest.fixture
def constant(tmp_path):
    """Return a function that writes a full-frame reference of one value into `references`, and gives its path."""

    def write(kind, instrument, detector, shape, value):
        header = fits.Header(
            {
                "TELESCOP": "JWST", "INSTRUME": instrument, "DETECTOR": detector, "REFTYPE": kind.upper(),
                "SUBARRAY": "FULL", "SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": shape[1], "SUBSIZE2": shape[0],
                "DATAMODL": f"{kind.capitalize()}Model", "USEAFTER": "2010-01-01T00:00:00",
            }
        )  # fmt: skip
        path = tmp_path / "references" / f"{kind}.fits"
        path.parent.mkdir(exist_ok=True)
        plane = fits.ImageHDU(np.full(shape, value, np.float32), name="SCI")
        fits.HDUList([fits.PrimaryHDU(header=header), plane]).writeto(path)
        return path

    return write
