"""An association: products, and the exposures that each is made of, by role; a JSON file of the official form."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jwgpu import io, markup
from jwgpu._version import __version__
from jwgpu.data import Exposures
from jwgpu.errors import InputError

ROLES = frozenset(
    "science background imprint sourcecat segmap direct_image psf target_acquisition dark flat autoflat autowave "
    "engineering".split()
)
"""What a member may be to its product (`exptype`)."""

TYPES = frozenset(
    "image2 image3 spec2 spec3 tso2 tso3 tso-image2 tso-spec2 coron3 ami3 wfs-image2 wfs-image3 wfss3 wfss2 "
    "nrslamp-spec2 user_built".split()
)
"""Kinds of associations that the official generator makes (`asn_type`)."""

SUFFIX = "_asn.json"


@dataclasses.dataclass(frozen=True)
class Member:
    """A file and what it is to the product.

    Attributes
    ----------
    expname : str
        Name of the file, relative to the folder of the association.
    exptype : str
        Its role, in small letters.
    more : mapping
        What else the file says of it: `exposerr`, `asn_candidate`, `group_id`, `tweakreg_catalog`.
    """

    expname: str
    exptype: str = "science"
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Product:
    """What is to be made, and of what.

    Attributes
    ----------
    name : str
        Of the product, without suffix: `jw01345-o001_t001_nircam_clear-f200w`.
    members : tuple of Member
    """

    name: str
    members: tuple[Member, ...]

    def __repr__(self) -> str:
        return f"<Product {self.name}: {', '.join(f'{m.expname} ({m.exptype})' for m in self.members)}>"

    def of(self, *roles: str) -> list[Member]:
        """Return the members that have one of these roles."""
        return [member for member in self.members if member.exptype in roles]


@dataclasses.dataclass(frozen=True)
class Association:
    """Products and their members.

    >>> asn = jw.associations.read("jw01345-o001_image3_00001_asn.json")
    >>> asn.products[0].of("science")
    >>> images = asn.exposures()

    Attributes
    ----------
    products : tuple of Product
    asn_type : str
        The pipeline it is for: `image2`, `image3`, ...
    folder : Path
        Where the members are.
    table_name : str or None
        Name of the file it was read from.
    more : mapping
        What else the file says: `asn_rule`, `program`, `asn_id`, `target`, `asn_pool`, `constraints`.
    """

    products: tuple[Product, ...]
    asn_type: str = "user_built"
    folder: Path = Path()
    table_name: str | None = None
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def path(self, member: Member) -> Path:
        """Return where a member is."""
        return self.folder / member.expname

    def check(self) -> None:
        """Check that roles are known, that no product and no member comes twice, and that every file is there.

        Raises
        ------
        InputError
            Of the first thing that is wrong; of files that are missing, of all.
        """
        here = self.table_name or "the association"
        if not self.products:
            raise InputError(f"{here} has no products; give it one, with members")
        names = [product.name for product in self.products]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"{here} has the product {twice[0]!r} twice; give each a name of its own")
        for product in self.products:
            self._check(product, f"{here}, product {product.name!r}")
        files = dict.fromkeys(self.path(member) for product in self.products for member in product.members)
        if lacking := [path.name for path in files if not path.is_file()]:
            some = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
            raise InputError(
                f"{len(lacking)} of the {len(files)} members of {here} are not in {self.folder}: {some}; put them "
                "there, or make an association of the files that you have (jwgpu associate)"
            )

    def _check(self, product: Product, here: str) -> None:
        for member in product.members:
            if member.exptype not in ROLES:
                near = difflib.get_close_matches(member.exptype, ROLES, 1, 0.5)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise InputError(
                    f"{here}: member {member.expname} has the unknown exptype {member.exptype!r}{hint} "
                    f"(known: {', '.join(sorted(ROLES))})"
                )
        both = [(member.expname, member.exptype) for member in product.members]
        if twice := sorted({each for each in both if both.count(each) > 1}):
            raise InputError(f"{here}: member {twice[0][0]} comes twice as {twice[0][1]}; name it once")
        if not product.of("science"):
            raise InputError(f"{here} has no member of exptype 'science'; there is nothing to make it of")

    def exposures(
        self, product: Product | str | None = None, role: str = "science", *, scratch: str | os.PathLike | None = None
    ) -> Exposures | None:
        """Open the members of a product that have a role; their arrays stay in the files.

        Parameters
        ----------
        product : Product or str, optional
            The first by default.
        role : str
        scratch : path, optional
            Folder for arrays that steps change; in memory without one.

        Returns
        -------
        Exposures or None
            None where no member has the role.

        Raises
        ------
        InputError
            There is no such product, or a member cannot be opened.
        """
        product = self.product(product)
        members = product.of(role)
        if not members:
            return None
        images = (self._opened(member) for member in members)
        more = {
            "pool_name": self.more.get("asn_pool"),
            "table_name": self.table_name,
            "asn_id": self.more.get("asn_id"),
        }
        folder = None if scratch is None else os.fspath(scratch)
        return Exposures.of(images, product.name, folder, **more)

    def _opened(self, member: Member):
        image = io.open(self.path(member), lazy=True)
        values = {f"asn.{n}": v for n, v in (("pool_name", self.more.get("asn_pool")), ("table_name", self.table_name))}
        values |= {"group_id": member.more["group_id"]} if "group_id" in member.more else {}
        if catalogue := str(member.more.get("tweakreg_catalog") or "").strip():
            values["tweakreg_catalog"] = str(self.folder / catalogue)
        return image.replace(meta=image.meta.set(values))

    def product(self, which: Product | str | None = None) -> Product:
        """Return the product of a name; the first without one."""
        if isinstance(which, Product):
            return which
        found = [product for product in self.products if which in (None, product.name)]
        if not found:
            names = ", ".join(product.name for product in self.products)
            raise InputError(f"{self.table_name or 'the association'} has no product {which!r}; it has {names}")
        return found[0]

    def write(self, folder: str | os.PathLike = ".", name: str | None = None) -> Path:
        """Write the association as a JSON file; return where it is.

        Parameters
        ----------
        folder : path
            Members are named relative to it.
        name : str, optional
            Of the file; by the official rule unless given: `jw01345-o001_image3_00001_asn.json`.
        """
        folder = io.output_folder(folder)
        path = folder / (name or self.table_name or self.default_name())
        products = [
            {"name": p.name, "members": [{"expname": self._relative(m, folder), "exptype": m.exptype, **m.more}
                                         for m in p.members]}
            for p in self.products
        ]  # fmt: skip
        content = {"asn_type": self.asn_type, "asn_rule": "user_built", "version_id": None,
                   "code_version": f"jwgpu {__version__}", **self.more, "products": products}  # fmt: skip
        with io.atomic(path) as temporary:
            temporary.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
        return path

    def _relative(self, member: Member, folder: Path) -> str:
        return Path(os.path.relpath(self.path(member).resolve(), folder.resolve())).as_posix()

    def default_name(self, number: int = 1) -> str:
        """Return the name of the file by the official rule."""
        program, which = self.more.get("program", "noprogram"), self.more.get("asn_id", "a3001")
        return f"jw{program}-{which}_{self.asn_type}_{number:05d}{SUFFIX}"

    def __iter__(self) -> Iterator[Product]:
        return iter(self.products)

    def __repr__(self) -> str:
        lines = [f"<Association {self.table_name or self.default_name()}: {self.asn_type}"]
        for product in self.products:
            roles = dict.fromkeys(member.exptype for member in product.members)
            lines.append(f"  {product.name}: " + ", ".join(f"{len(product.of(role))} {role}" for role in roles))
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        rows = [(p.name if i == 0 else "", m.expname, m.exptype) for p in self for i, m in enumerate(p.members)]
        title = f"association {self.table_name or self.default_name()}: {self.asn_type}"
        left = [f"and {len(rows) - 100} more members"] if len(rows) > 100 else []
        return markup.table(("product", "member", "role"), rows[:100], title, left)


def is_association(path: str | os.PathLike) -> bool:
    """Say whether a file is an association, by its name."""
    return Path(path).suffix.lower() == ".json"


def read(path: str | os.PathLike, check: bool = True) -> Association:
    """Read an association.

    Parameters
    ----------
    path : str or path
        JSON file, as the archive has it.
    check : bool
        Whether to check it (`Association.check`).

    Raises
    ------
    InputError
        There is no file, it is no JSON or no association, or something is wrong with it.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}; check the name") from error
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}; correct it there, or fetch the association again") from error
    products = content.get("products") if isinstance(content, dict) else None
    if not isinstance(products, list):
        raise InputError(f"{path} is no association: it has no list of products; name a file that ends in {SUFFIX}")
    made = Association(
        products=tuple(_product(product, path, k) for k, product in enumerate(products, 1)),
        asn_type=str(content.get("asn_type", "user_built")).lower(),
        folder=path.parent,
        table_name=path.name,
        more={name: value for name, value in content.items() if name not in ("asn_type", "products")},
    )
    if check:
        made.check()
    return made


def _product(content, path: Path, number: int) -> Product:
    members = content.get("members") if isinstance(content, dict) else None
    if not isinstance(members, list):
        raise InputError(f"{path}: product {number} has no list of members; add it, or fetch the association again")
    for member in members:
        if not (isinstance(member, dict) and {"expname", "exptype"} <= member.keys()):
            raise InputError(
                f"{path}: a member of product {number} lacks its expname or its exptype: {member!r}; add it"
            )
    name = content.get("name") or io.root(str(members[0]["expname"]) if members else path.name)
    return Product(str(name).removesuffix(".fits"), tuple(_member(member) for member in members))


def _member(content: dict) -> Member:
    more = {name: value for name, value in content.items() if name not in ("expname", "exptype")}
    return Member(str(content["expname"]), str(content["exptype"]).strip().lower(), more)
