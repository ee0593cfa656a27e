"""Polynomials whose coefficients differ from pixel to pixel."""

from __future__ import annotations


def evaluate(coefficients, x):
    """Return c_0 + c_1 x + ... + c_n x**n, by Horner's rule.

    Parameters
    ----------
    coefficients : array (n + 1, ...), n >= 1
        From the constant term up; each plane has the shape of `x`.
    x : array

    Returns
    -------
    array
        In the wider type of the two; the terms are added from the highest down.
    """
    value = coefficients[-1] * x
    for term in coefficients[-2:0:-1]:
        value += term
        value *= x
    value += coefficients[0]
    return value


def is_usable(coefficients, xp):
    """Say for which pixels a correction polynomial means something: no NaN in it, and a linear term that is not 0.

    Parameters
    ----------
    coefficients : array (n + 1, y, x), n >= 1
    xp : module
        Library of the array.

    Returns
    -------
    bool array (y, x)
    """
    usable = coefficients[1] != 0
    for term in coefficients:
        usable &= ~xp.isnan(term)
    return usable


def or_identity(coefficients, usable, xp):
    """Return the polynomials with those that are not `usable` replaced by one that returns what it is given.

    Parameters
    ----------
    coefficients : array (n + 1, y, x), n >= 1
    usable : bool array (y, x)
    xp : module
        Library of the arrays.
    """
    result = xp.where(usable, coefficients, coefficients.dtype.type(0))
    result[1] += ~usable
    return result
