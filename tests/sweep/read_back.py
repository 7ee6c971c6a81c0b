"""Reads the tables of a sweep with pandas (CSV, JSONL) and DuckDB (all), and compares every cell with what was written.

    read_back.py DIRECTORY

DIRECTORY holds table.csv, table.jsonl, perhaps table.parquet, and expected.json: columns with their kinds, and lines. Numbers stand there
by their bits, so that no parser of decimals is trusted.
"""

import json
import struct
import sys
from pathlib import Path

import pandas as pd

try:
    import duckdb
except ImportError:
    duckdb = None

DIRECTORY = Path(sys.argv[1])


def from_bits(text):
    return struct.unpack(">d", bytes.fromhex(text))[0]


def load():
    document = json.loads((DIRECTORY / "expected.json").read_text(encoding="utf-8"))
    kinds = dict(document["columns"])
    lines = [
        [
            None if cell is None else from_bits(cell) if kinds[name] == "float" else cell
            for (name, _), cell in zip(document["columns"], line)
        ]
        for line in document["lines"]
    ]
    return document["columns"], lines


def is_nothing(value):
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def compare(source, columns, lines, names, rows):
    assert list(names) == [name for name, _ in columns], f"{source}: columns {list(names)}"
    assert len(rows) == len(lines), f"{source}: {len(rows)} lines, {len(lines)} were written"
    for number, (row, line) in enumerate(zip(rows, lines)):
        for (name, kind), found, expected in zip(columns, row, line):
            place = f"{source}, line {number}, {name}"
            if expected is None:
                assert is_nothing(found), f"{place}: {found!r} where nothing was written"
            elif kind == "float":
                assert not is_nothing(found), f"{place}: nothing"
                same = struct.pack(">d", float(found)) == struct.pack(">d", expected)
                assert same, f"{place}: {found!r}, written was {expected!r}"
            elif kind in ("natural", "integer"):
                assert int(found) == expected, f"{place}: {found!r}, written was {expected!r}"
            else:
                assert found == expected, f"{place}: {found!r}, written was {expected!r}"


def check_types(source, frame, columns, nullable):
    """The kinds that pandas finds out by itself."""
    for name, kind in columns:
        column = frame[name].dropna()
        if column.empty:
            continue
        api = pd.api.types
        # A column of whole numbers in which some are missing is one of floats, in pandas.
        fits = {
            "natural": lambda c: api.is_integer_dtype(c) or (name in nullable and api.is_float_dtype(c)),
            "integer": lambda c: api.is_integer_dtype(c),
            "float": lambda c: api.is_float_dtype(c),
            "flag": lambda c: api.is_bool_dtype(c),
            "text": lambda c: api.is_string_dtype(c) or api.is_object_dtype(c),
        }[kind]
        assert fits(frame[name]), f"{source}: {name} is {frame[name].dtype}, not {kind}"


def main():
    columns, lines = load()
    nullable = {name for k, (name, _) in enumerate(columns) if any(line[k] is None for line in lines)}
    done = []

    options = dict(dtype={"key": str}, float_precision="round_trip", keep_default_na=False, na_values=[""])
    frame = pd.read_csv(DIRECTORY / "table.csv", **options)
    check_types("pandas, CSV", frame, columns, nullable)
    compare("pandas, CSV", columns, lines, frame.columns, list(frame.itertuples(index=False, name=None)))
    done.append("CSV by pandas")

    text = (DIRECTORY / "table.jsonl").read_text(encoding="utf-8")
    frame = pd.DataFrame(json.loads(line) for line in text.split("\n")[:-1])
    check_types("pandas, JSONL", frame, columns, nullable)
    compare("pandas, JSONL", columns, lines, frame.columns, list(frame.itertuples(index=False, name=None)))
    done.append("JSONL by pandas")

    parquet = DIRECTORY / "table.parquet"
    if duckdb is None:
        print("skipped: DuckDB is not there")
    else:
        def by_duckdb(source, relation):
            compare(source, columns, lines, relation.columns, relation.fetchall())
            done.append(source)

        by_duckdb("CSV by DuckDB", duckdb.read_csv(str(DIRECTORY / "table.csv"), header=True, sample_size=-1))
        if parquet.exists():
            relation = duckdb.read_parquet(str(parquet))
            types = {"natural": "UBIGINT", "integer": "BIGINT", "float": "DOUBLE", "flag": "BOOLEAN", "text": "VARCHAR"}
            found = [(name, str(kind)) for name, kind in zip(relation.columns, relation.types)]
            assert found == [(name, types[kind]) for name, kind in columns], f"Parquet: {found}"
            by_duckdb("Parquet by DuckDB", relation)
    print(f"read back, {len(lines)} lines of {len(columns)} columns: {', '.join(done)}")


if __name__ == "__main__":
    main()
