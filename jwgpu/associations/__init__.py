"""Associations: which exposures belong together, and as what."""

from jwgpu.associations.association import Association, Member, Product, is_association, read
from jwgpu.associations.make import associate

__all__ = ["Association", "Member", "Product", "associate", "is_association", "read"]
