"""References that a step will not look at are not asked for."""

from __future__ import annotations

import pytest

from jwgpu import pipelines, simulate


class Asked:
    """References that remember what was asked of them."""

    def __init__(self, references):
        self.references, self.kinds = references, []

    def get(self, kind, **options):
        self.kinds.append(kind)
        return self.references.get(kind, **options)

    def exists(self, kind, step):
        return self.references.exists(kind, step)


@pytest.mark.parametrize(
    ("mode", "parameters", "asked"),
    [
        ("nircam", {}, set()),
        ("nircam", {"refpix_algorithm": "sirs"}, {"sirskernel"}),
        ("miri", {"refpix_algorithm": "sirs"}, set()),
        ("nirspec_irs2", {"refpix_algorithm": "sirs"}, {"refpix"}),
    ],
)
def test_refpix_asks_for_what_the_exposure_calls_for(mode, parameters, asked):
    simulation = simulate.tiny(mode)
    pipeline = pipelines.detector1(simulation.ramp).set("refpix", **parameters)
    references = Asked(simulation.references)
    pipeline.upto("refpix").from_("refpix").run(simulation.ramp, references, progress=False)
    assert set(references.kinds) == asked
