"""Sets of images given to official steps of stage 3, and what comes back."""

from __future__ import annotations

import logging
import warnings

from stdatamodels.jwst import datamodels

import jwgpu as jw


def run(step, images, folder, **parameters) -> list:
    """Return the data models that an official step, run without its pipeline, makes of images saved in a folder."""
    from jwst.datamodels import ModelLibrary

    paths = [str(jw.save(image, folder / image.name)) for image in images]
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own
            library = step(**parameters).process(ModelLibrary([_read(path) for path in paths]))
            found = []
            with library:
                for model in library:
                    found.append(model)
                    library.shelve(model, modify=False)
    finally:
        logging.disable(logging.NOTSET)
    return found


def _read(path: str):
    """Return a data model that holds no file open."""
    with datamodels.open(path) as model:
        return model.copy()
