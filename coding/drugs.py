"""The drug dictionary: what a product's name or code says of its ingredient and class."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from coding.billing import Billing, billing_of
from coding.drug_codes import ANY_SYSTEM, Key, code_key, keys_of
from coding.drug_names import bracketed_names, fluid_name, ingredient_name, name_keys, simple_name
from coding.encounter import Drug
from coding.errors import FormularyError
from coding.tables import engine_numbers, rows_of


class DrugClass(StrEnum):
    """What a drug is to the rules. Diagnosis does not change it."""

    THERAPEUTIC = "therapeutic"
    HYDRATION = "hydration"
    CHEMOTHERAPY = "chemotherapy"
    HORMONAL_ANTINEOPLASTIC = "hormonal_antineoplastic"
    COMPLEX_BIOLOGIC = "complex_biologic"
    VACCINE = "vaccine"
    BLOOD_PRODUCT = "blood_product"
    FLUSH = "flush"
    CONTRAST = "contrast"
    SEDATION = "sedation"
    NUTRITION = "nutrition"
    SELF_ADMINISTERED = "self_administered"
    OTHER = "other"


class Product(Struct, frozen=True, gc=False):
    """A row of the dictionary. `ingredient` is what makes two products the same drug."""

    name: str
    drug_class: DrugClass
    ingredient: str
    hcpcs: str = ""
    resource_rank: int = 0
    tag: str = ""  # a product with a code or a rule of its own
    billing: Billing | None = None  # how it is billed, when the site's dictionary says so


REQUIRED = ("code", "coding_system", "name", "drug_class")
FLUIDS = {DrugClass.HYDRATION, DrugClass.FLUSH}  # in brackets they are what a drug is carried in


class Shelf(Struct, frozen=True, gc=False):
    """Products by code and by name. A name that rows of different classes share is None: it decides nothing."""

    by_code: Mapping[Key, Product]
    by_name: Mapping[str, Product | None]

    def find(self, drug: Drug) -> Product | None:
        """Return the product by code, else by name, else None."""
        for key in keys_of(drug):
            if coded := self.by_code.get(key):
                return coded
        product = self._named(drug.name or drug.code)
        brands = [brand for name in bracketed_names(drug.name) if (brand := self._named(name, brand=True))]
        if len({brand.ingredient for brand in brands}) != 1:
            return product
        return brands[0] if product is None or product.drug_class is brands[0].drug_class else product

    def _named(self, name: str, *, brand: bool = False) -> Product | None:
        """Return the product of a name, by the most exact of its keys that is known; of a brand's, none by ingredient.

        An ingredient in brackets may be what a drug is bound to or given with: it does not tell what the drug is.
        """
        keys = name_keys(name)
        found = next((product for key in keys if (product := self.by_name.get(key))), None)
        if brand and found and (found.drug_class in FLUIDS or found.ingredient in keys):
            return None
        return found


class Formulary(Struct, frozen=True, gc=False, eq=False):
    """Shelves in the order they are searched, the site's before the built-in one. `version` names the content."""

    shelves: tuple[Shelf, ...]
    found: dict[Drug, Product | None] = {}  # answers given before
    has_billing: bool = False  # a row says how its product is billed

    def find(self, drug: Drug) -> Product | None:
        """Return what the dictionary says of a drug; None when it does not know it."""
        try:
            return self.found[drug]
        except KeyError:
            product = next((found for shelf in self.shelves if (found := shelf.find(drug))), None)
            if len(self.found) < engine_numbers()["answers_kept"]:
                self.found[drug] = product
            return product

    def with_site_rows(self, text: str, where: str) -> Formulary:
        """Return a formulary in which a site's CSV wins.

        Args:
            text: CSV with a header of at least code, coding_system, name, drug_class.
            where: the file, for errors.

        Raises:
            FormularyError: a column is missing, or a row cannot be used; names the line.
        """
        rows = [(line, row) for line, row in _site_rows(text, where) if any(row.values())]
        products = [(row, self._product(row, f"{where}: line {line}")) for line, row in rows]
        by_code = {code_key(row["coding_system"], row["code"]): product for row, product in products if row["code"]}
        shelf = Shelf({**_without_system(by_code), **by_code}, _names([(p, (p.name,)) for _, p in products]))
        has_billing = self.has_billing or any(product.billing for _, product in products)
        return Formulary((shelf, *self.shelves), has_billing=has_billing)

    def _product(self, row: Mapping[str, str], where: str) -> Product:
        """Return one row as a product; what it does not say of the ingredient, the known name may.

        Raises:
            FormularyError: no code and no name, or a class that is not known.
        """
        if not row["code"] and not row["name"]:
            raise FormularyError(f"{where}: needs a code or a name")
        known = {drug_class.value: drug_class for drug_class in DrugClass}
        drug_class = known.get(row["drug_class"].casefold())
        if drug_class is None:
            raise FormularyError(f"{where}: no drug_class {row['drug_class']!r}; one of {', '.join(known)}")
        rank = row.get("resource_rank", "")
        if rank and not rank.isdecimal():
            raise FormularyError(f"{where}: resource_rank must be a whole number")
        builtin = self.find(Drug("", "", row["name"])) if row["name"] else None
        ingredient = row.get("ingredient") or (builtin.ingredient if builtin else ingredient_name(row["name"]))
        return Product(
            name=row["name"],
            drug_class=drug_class,
            ingredient=ingredient or row["code"],
            hcpcs=row.get("hcpcs") or (builtin.hcpcs if builtin else ""),
            resource_rank=int(rank)
            if rank
            else builtin.resource_rank
            if builtin
            else engine_numbers()["resource_rank"],
            tag=row.get("tag") or (builtin.tag if builtin else ""),
            billing=billing_of(row, where),
        )


def _site_rows(text: str, where: str) -> Iterable[tuple[int, dict[str, str]]]:
    """Yield a site's rows with their line numbers, values stripped.

    Raises:
        FormularyError: a column is missing, or a row has more fields than the header.
    """
    reader = csv.DictReader(text.removeprefix("\ufeff").splitlines(), restval="")
    columns = [name.strip().casefold() for name in reader.fieldnames or ()]
    if missing := [name for name in REQUIRED if name not in columns]:
        raise FormularyError(f"{where}: line 1: needs the columns {', '.join(REQUIRED)}; lacks {', '.join(missing)}")
    reader.fieldnames = columns
    for row in reader:
        if None in row:
            raise FormularyError(
                f"{where}: line {reader.line_num}: more fields than the header; quote texts with commas"
            )
        yield reader.line_num, {key: (value or "").strip() for key, value in row.items()}


def _names(products: Iterable[tuple[Product, Iterable[str]]]) -> dict[str, Product | None]:
    """Return products by the keys of their names; full names win over shortened ones."""
    exact: dict[str, Product | None] = {}
    shortened: dict[str, Product | None] = {}
    for product, names in products:
        for name in filter(None, names):
            exact[simple_name(name)] = _shared(exact.get(simple_name(name)), product)
            key = fluid_name(simple_name(name)) or ingredient_name(name)
            other = shortened.setdefault(key, product)
            if other is None or other.drug_class is not product.drug_class:
                shortened[key] = None
            else:
                shortened[key] = _shared(product, other)
    return {**shortened, **exact}


def _without_system(by_code: Mapping[Key, Product]) -> dict[Key, Product]:
    """Return the codes that mean one ingredient and class whatever their system, for records that name none."""
    meant: dict[str, list[Product]] = {}
    for (_, code), product in by_code.items():
        meant.setdefault(code, []).append(product)
    return {
        (ANY_SYSTEM, code): products[0]
        for code, products in meant.items()
        if len({(product.ingredient, product.drug_class) for product in products}) == 1
    }


def _shared(other: Product | None, product: Product) -> Product:
    """Return the product of a name; packages that are billed otherwise share its class and not how it is billed."""
    if other is None or other.billing == product.billing:
        return product
    return replace(product, billing=None)


@cache
def default_formulary() -> Formulary:
    """Return the built-in dictionary of common drugs, by generic and brand name and by HCPCS code."""
    rows = rows_of("drugs.csv", "ingredient,drug_class,hcpcs,resource_rank,tag,other_names")
    products = [(_builtin(row), (row["ingredient"], *row["other_names"].split("|"))) for row in rows]
    by_code = {code_key("hcpcs", code): product for product, _ in products for code in product.hcpcs.split() if code}
    return Formulary((Shelf(by_code, _names(products)),))


def _builtin(row: Mapping[str, str]) -> Product:
    """Return one row of the built-in dictionary."""
    return Product(
        name=row["ingredient"],
        drug_class=DrugClass(row["drug_class"]),
        ingredient=row["ingredient"],
        hcpcs=row["hcpcs"],
        resource_rank=int(row["resource_rank"] or engine_numbers()["resource_rank"]),
        tag=row["tag"],
    )
