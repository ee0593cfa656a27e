"""What the official package needs to run beside jwgpu without a network: a CRDS cache in which nothing is."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def _empty_crds(tmp_path_factory):
    """Write a cache that answers N/A to every type the official steps ask for."""
    pytest.importorskip("jwst")
    from jwgpu.reference.local import write_cache

    return write_cache(tmp_path_factory.mktemp("crds"))


@pytest.fixture
def crds_cache(_empty_crds, monkeypatch):
    """Let official steps run offline: references come from `override_<type>`, all others are N/A.

    Returns
    -------
    dict
        The CRDS_* variables, which are set for the time of the test.
    """
    from crds.client import api
    from crds.core import utils

    for name, value in _empty_crds.items():
        monkeypatch.setenv(name, value)
    utils.clear_function_caches()
    api.set_crds_server(_empty_crds["CRDS_SERVER_URL"])
    yield _empty_crds
    utils.clear_function_caches()
