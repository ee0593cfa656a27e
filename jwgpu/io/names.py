"""The names of products: `jw..._uncal.fits` becomes `jw..._rate.fits`."""

from __future__ import annotations

from pathlib import Path

# Last words of product names, and of the files that the official pipeline keeps after a step.
_PRODUCTS = (
    "uncal ramp rate rateints cal calints crf crfints bsub bsubints i2d s2d s3d x1d x1dints c1d cat segm whtlt phot "
    "median blot dark trapsfilled psfstack psfalign psfsub ami amilg ami-oi amimulti-oi aminorm "
    "aminorm-oi wfscmb fitopt"
)
_STEPS = (
    "group_scale dq_init emicorr saturation ipc superbias refpix rscd firstframe lastframe reset linearity "
    "dark_current dark_sub charge_migration jump picture_frame clean_flicker_noise persistence ramp_fit "
    "gain_scale guider_cds assign_wcs badpix_selfcal msa_flagging imprint imprint_subtract bkg_subtract "
    "extract_2d srctype master_background master_background_mos targ_centroid wavecorr flat_field straylight "
    "fringe residual_fringe pathloss barshadow wfss_contam photom adaptive_trace_model pixel_replace resample "
    "resample_spec cube_build extract_1d assign_mtwcs tweakreg skymatch outlier_detection source_catalog "
    "combine_1d spectral_leak tso_photometry white_light stack_refs align_refs klip hlsp ami_analyze "
    "ami_normalize wfs_combine"
)
# The official pipeline and this one append "ints" to what is kept per integration.
_PER_INTEGRATION = tuple(f"{step}ints" for step in _STEPS.split())
_SUFFIXES = tuple(sorted({*_PRODUCTS.split(), *_STEPS.split(), *_PER_INTEGRATION}, key=len, reverse=True))


def root(name: str) -> str:
    """Return the name of a product without folder, `.fits` and the suffix that says what it is."""
    stem = Path(name).name
    for ending in (".gz", ".fits", ".asdf", ".ecsv"):
        stem = stem.removesuffix(ending)
    for suffix in _SUFFIXES:
        for separator in "_-":
            if stem.endswith(separator + suffix) and len(stem) > len(suffix) + 1:
                return stem[: -len(suffix) - 1]
    return stem


def product_name(name: str, suffix: str) -> str:
    """Return the name of the product called `suffix` that is made from the file `name`.

    >>> product_name("jw01019001001_02101_00001-seg002_nrcb1_uncal.fits", "rateints")
    'jw01019001001_02101_00001-seg002_nrcb1_rateints.fits'
    """
    return f"{root(name)}_{suffix.strip('_')}.fits"
