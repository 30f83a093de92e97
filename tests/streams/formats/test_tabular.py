"""CSV and its manifest: what one says, the other counts."""

import csv
import hashlib
import io
import json

from streams.formats.charge import Charge, News
from streams.formats.tabular import COLUMNS, csv_documents
from tests.streams.issued import drug_line, line

DRUG = {"code": "SYN1", "system": "99SYN", "name": '=HYPERLINK("x"), with a comma'}
NEWS = [
    News("k1", 5, [Charge("A", line("a", units=2))], [Charge("B", drug_line("b"))], [], was_told=True),
    News("k2", 1, [], [Charge("C", line("c", "V2", modifiers=["59", "XU"], drug=DRUG))], [], was_told=False),
]


def test_each_charge_and_reversal_is_a_row_under_a_fixed_header() -> None:
    content = csv_documents(NEWS, 7)[0].content.decode()
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert content.splitlines()[0] == ",".join(COLUMNS)
    assert [(row["transaction_id"], row["type"], row["units"]) for row in rows] == [
        ("A", "reversal", "2"), ("B", "charge", "30"), ("C", "charge", "1"),
    ]  # fmt: skip
    assert rows[0]["claim_set_version"] == "5"
    assert (rows[1]["ndc"], rows[1]["dose_amount"], rows[1]["waste_amount"]) == ("57894003001", "300", "0")
    assert rows[2]["modifiers"] == "59 XU"
    assert rows[0]["ndc"] == ""


def test_a_drug_s_name_is_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_documents(NEWS, 7)[0].content.decode())))
    assert rows[2]["drug_name"] == "'" + DRUG["name"]


def test_nor_is_what_a_nurse_or_a_site_wrote() -> None:
    charge = Charge("D", {**drug_line("d"), "access_site": "=1+1", "department": "@SUM(A1)"})
    news = [News("k", 1, [], [charge], [charge], was_told=False)]
    (row,) = csv.DictReader(io.StringIO(csv_documents(news, 1)[0].content.decode()))
    assert (row["access_site"], row["department"]) == ("'=1+1", "'@SUM(A1)")


def test_the_manifest_comes_last_and_counts_what_is_there() -> None:
    file, manifest = csv_documents(NEWS, 7)
    said = json.loads(manifest.content)
    assert (file.name, manifest.name) == ("charges-00000007.csv", "charges-00000007.manifest.json")
    assert said["file"] == file.name
    assert (said["rows"], said["charges"], said["reversals"], said["encounters"]) == (3, 2, 1, 2)
    assert (said["charge_units"], said["reversal_units"]) == (31, 2)
    assert said["bytes"] == len(file.content)
    assert said["sha256"] == hashlib.sha256(file.content).hexdigest()
