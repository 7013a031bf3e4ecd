"""The tables that the documentation's examples read."""

from __future__ import annotations

from .catalog import Catalog, Column, Table
from .hive import LAZY_SERDE
from .s3 import S3Client

_ROWS = 10_000


def seed(catalog: Catalog, client: S3Client, bucket: str) -> None:
    """Makes ``default.many_rows`` (a = 0..9999) and ``default.one_row`` (number_of_rows = 1)."""
    client.create_bucket(bucket)
    many = "".join(f"{number}\n" for number in range(_ROWS))
    for name, column, data in (("many_rows", "a", many), ("one_row", "number_of_rows", "1\n")):
        prefix = f"seed/{name}/"
        client.put(bucket, f"{prefix}{name}.tsv", data.encode())
        catalog.put_table(
            Table(
                "default",
                name,
                "text",
                [Column(column, "int")],
                location=f"s3://{bucket}/{prefix}",
                serde=LAZY_SERDE,
                serde_parameters={"field.delim": "\t", "serialization.format": "\t"},
                parameters={"EXTERNAL": "TRUE"},
            )
        )
