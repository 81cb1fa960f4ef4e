#!/usr/bin/env python3
"""Makes the Parquet files of TextInputTests in the folder it stands in: make.py. Needs pyarrow (26.0.1 made those that are here)."""

import json
import pathlib
import random

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parent
random.seed(5)
WORDS = ["naïve", "the", "river", "", "計算", "of", "speech", "🦉", "a", "long", "winter"]
TEXTS = [" ".join(random.choice(WORDS) for _ in range(random.randrange(0, 14))) for _ in range(57)] + ["", "the", "the", "the river"]
TABLE = pa.table({"id": pa.array(range(len(TEXTS)), pa.int64()), "text": TEXTS, "score": [0.5 * n for n in range(len(TEXTS))]})
PAGES = {"row_group_size": 40, "data_page_size": 200, "write_batch_size": 8}

pq.write_table(TABLE, FOLDER / "snappy.parquet", compression="snappy", **PAGES)
pq.write_table(TABLE, FOLDER / "zstd-v2.parquet", compression="zstd", data_page_version="2.0", **PAGES)
pq.write_table(TABLE, FOLDER / "gzip-plain.parquet", compression="gzip", use_dictionary=False, **PAGES)
pq.write_table(TABLE, FOLDER / "plain.parquet", compression="none", use_dictionary=False, data_page_version="2.0", **PAGES)
for name in ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]:
    pq.write_table(TABLE, FOLDER / f"{name.lower()}.parquet", use_dictionary=False, column_encoding={"text": name}, **PAGES)
required = pa.schema([pa.field("text", pa.string(), nullable=False)])
pq.write_table(TABLE.select(["text"]).cast(required), FOLDER / "required.parquet", **PAGES)
(FOLDER / "texts.json").write_text(json.dumps(TEXTS, ensure_ascii=False) + "\n")

CHATS = [[{"role": role, "content": random.choice(TEXTS)} for role in ["user", "assistant"] * random.randrange(1, 4)] for _ in range(23)]
pq.write_table(pa.table({"prompt": ["x"] * 23, "messages": CHATS}), FOLDER / "messages.parquet", **PAGES)
(FOLDER / "messages.json").write_text(json.dumps(CHATS, ensure_ascii=False) + "\n")

pq.write_table(pa.table({"text": ["one", None]}), FOLDER / "null.parquet")
pq.write_table(pa.table({"text": ["one"]}), FOLDER / "brotli.parquet", compression="brotli")
pq.write_table(pa.table({"text": [1, 2], "body": ["one", "two"]}), FOLDER / "numbers.parquet")
