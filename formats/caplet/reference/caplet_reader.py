"""Reads .caplet files (SPEC.md, version 1.2) with numpy and zstandard alone.

    import caplet_reader, torch
    file = caplet_reader.CapletFile("small.caplet")
    model.load_state_dict({name: torch.from_numpy(values) for name, values in file.state_dict().items()})

`python3 caplet_reader.py small.caplet` lists the tensors; with --extract FOLDER it also writes the attachments (configuration, tokenizer).

A file that is damaged or is not what the specification says raises CapletError. Checksums of all frames that are read are checked; the
XXH3 digests are not, for which `caplet verify` is there.
"""

import bisect
import hashlib
import json
import mmap
import os
import re
import struct
import sys

import numpy as np
import zstandard

HEADER_BYTES, FOOTER_BYTES = 36, 76
MAGIC = b"CAPLET"
VERSION = 1
MANIFEST_LIMIT = 64 << 20
FRAME_LIMIT = 16 << 20

# The numpy type that an array's bytes have. BF16 and the 8-bit floats are widened afterwards.
TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "F8_E4M3": "u1", "F8_E5M2": "u1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}
# Digits that a byte holds, by radix (section "Encodings"); 2 from radix 7 on.
DIGITS_A_BYTE = {2: 8, 3: 5, 4: 4, 5: 3, 6: 3}


class CapletError(Exception):
    """A file that is not a readable Caplet container, or a request that failed; status is that of the command line, 65 for such a file."""

    def __init__(self, message, status=65):
        super().__init__(message)
        self.status = status


def check(condition, message):
    if not condition:
        raise CapletError(message)


class CapletFile:
    """An open container: header, footer and manifest are read, tensors when they are asked for."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            check(os.fstat(file.fileno()).st_size >= HEADER_BYTES + FOOTER_BYTES, f"{path}: too short for a container")
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.manifest = self._read_manifest()
        self.tensors = {entry["name"]: entry for entry in self.manifest["tensors"]}
        check(len(self.tensors) == len(self.manifest["tensors"]), f"{path}: a tensor's name stands twice")

    # -- the file ------------------------------------------------------------------------------------------------------------------

    def _read_manifest(self):
        data = self._bytes
        check(data[16:22] == MAGIC, f"{self.path}: no Caplet header")
        footer = self._inflate(len(data) - FOOTER_BYTES, FOOTER_BYTES, 56, "footer")
        offset, stored, size = struct.unpack("<QQQ", footer[:24])
        version, magic = struct.unpack("<H", footer[48:50])[0], footer[50:56]
        check(magic == MAGIC and footer[40:48] == bytes(8), f"{self.path}: no Caplet footer")
        header = self._inflate(0, HEADER_BYTES, 16, "header")
        check(version == VERSION and struct.unpack("<H", header[6:8])[0] == VERSION, f"{self.path}: version {version} is not {VERSION}")
        check(header[8:] == bytes(8), f"{self.path}: reserved bytes of the header are set")
        check(HEADER_BYTES <= offset and offset + stored == len(data) - FOOTER_BYTES, f"{self.path}: the manifest is out of its place")
        check(size <= MANIFEST_LIMIT, f"{self.path}: a manifest of {size} bytes")
        manifest = json.loads(self._inflate(offset, stored, size, "manifest").decode("utf-8"))
        check(manifest.get("format") == "caplet" and manifest.get("version") == VERSION, f"{self.path}: another kind of manifest")
        return manifest

    def sha256(self):
        """The SHA-256 digest of the content, computed from it; the manifest's, where it has one, must be the same."""
        def hashed(value):
            if isinstance(value, dict):
                return {key: hashlib.sha256(self.content(member)).hexdigest() if is_part(key, member) else hashed(member)
                        for key, member in value.items()}
            return [hashed(member) for member in value] if isinstance(value, list) else value
        contents = {key: self.manifest[key] for key in ("metadata", "ties", "attachments", "tensors")}
        text = json.dumps(hashed(contents), ensure_ascii=False, separators=(",", ":"))
        # The manifest has no short escapes for these two.
        text = re.sub(r"\\(.)", lambda found: {"b": "\\u0008", "f": "\\u000c"}.get(found[1], found[0]), text)
        return hashlib.sha256(text.encode("utf-8") + b"\n").hexdigest()

    def _inflate(self, offset, stored, size, what):
        """One frame: `stored` bytes at `offset` that must hold `size` bytes. The content's checksum is part of the frame."""
        check(0 <= offset and 0 < stored and offset + stored <= len(self._bytes), f"{self.path}: {what} lies outside the file")
        frame = self._bytes[offset:offset + stored]
        try:
            stated = zstandard.frame_content_size(frame)
            check(stated == size, f"{self.path}: {what} states {stated} bytes, not {size}")
            content = zstandard.ZstdDecompressor().decompress(frame)
        except zstandard.ZstdError as error:
            raise CapletError(f"{self.path}: {what}: {error}") from None
        check(len(content) == size, f"{self.path}: {what} has {len(content)} bytes, not {size}")
        return content

    # -- parts ---------------------------------------------------------------------------------------------------------------------

    def content(self, part):
        """The bytes that a part stands for."""
        frames, offset = [], part["offset"]
        for stored, size in part["frames"]:
            check(0 <= size <= FRAME_LIMIT, f"{self.path}: a frame of {size} bytes")
            frames.append(self._inflate(offset, stored, size, "a part"))
            offset += stored
        encoding = part["encoding"]
        name = encoding if isinstance(encoding, str) else next(iter(encoding))
        lengths = []
        left = part["bytes"]
        while left > 0:
            lengths.append(min(part["chunk"], left))
            left -= lengths[-1]
        if name == "raw":
            chunks = frames
        elif name in ("planes", "floatPlanes"):
            width = encoding[name]
            check(width in (2, 4, 8) and len(frames) == width * len(lengths), f"{self.path}: planes of width {width}")
            chunks = [join_planes(frames[i:i + width], name == "floatPlanes") for i in range(0, len(frames), width)]
        elif name == "packed":
            check(len(frames) == len(lengths), f"{self.path}: frames and chunks do not agree")
            chunks = [unpack(frame, n, encoding[name]) for frame, n in zip(frames, lengths)]
        elif name == "adaptive":
            check(len(frames) == len(lengths), f"{self.path}: frames and chunks do not agree")
            check(encoding[name]["columns"] <= part["bytes"], f"{self.path}: rows longer than their part")
            chunks = [adaptive(frame, n, encoding[name]) for frame, n in zip(frames, lengths)]
        elif name == "gaps":
            check(len(frames) == len(lengths), f"{self.path}: frames and chunks do not agree")
            chunks = [bitmap_of_gaps(frame, n) for frame, n in zip(frames, lengths)]
        else:
            raise CapletError(f"{self.path}: encoding '{name}' is not known")
        content = b"".join(chunks)
        check(len(content) == part["bytes"], f"{self.path}: a part has {len(content)} bytes, not {part['bytes']}")
        return content

    # -- payloads ------------------------------------------------------------------------------------------------------------------

    def array(self, array):
        """The elements of an array as they are stored; BF16 and 8-bit floats as float32."""
        dtype = array["dtype"]
        check(dtype in TYPES, f"{self.path}: {dtype} cannot be computed with")
        values = np.frombuffer(self.content(array["part"]), TYPES[dtype])
        check(values.size == int(np.prod(array["shape"], dtype=np.int64)), f"{self.path}: {dtype} {array['shape']} has {values.size} elements")
        if dtype == "BF16":
            values = (values.astype("<u4") << 16).view("<f4")
        elif dtype.startswith("F8"):
            values = float8(dtype)[values]
        return values.reshape(array["shape"])

    def values(self, payload):
        """A payload's values: of a plain dense tensor as stored, of all others as float32."""
        kind = payload["kind"]
        if kind == "dense":
            return self.array(payload["array"])
        if kind == "lowRank":
            return self.values(payload["u"]).astype(np.float32) @ self.values(payload["v"]).astype(np.float32)
        if kind == "composite":
            return sum(self.values(term).astype(np.float32) for term in payload["terms"])
        if kind == "sparse":
            return self._sparse(payload)
        if kind == "quantized":
            return self._quantized(payload)
        raise CapletError(f"{self.path}: payload '{kind}' is not known")

    def _sparse(self, payload):
        rows, columns = payload["rows"], payload["columns"]
        bits = np.unpackbits(np.frombuffer(self.content(payload["positions"]), np.uint8), bitorder="little")
        check(not bits[rows * columns:].any(), f"{self.path}: positions beyond the last element")
        bits = bits[:rows * columns].astype(bool)
        check(int(bits.sum()) == payload["nonZeros"], f"{self.path}: {int(bits.sum())} positions, not {payload['nonZeros']}")
        values = np.zeros(rows * columns, np.float32)
        values[bits] = self.values(payload["values"])
        return values.reshape(rows, columns)

    def _quantized(self, payload):
        shape, size = payload["shape"], payload["groupSize"]
        count = int(np.prod(shape, dtype=np.int64))
        columns = shape[-1] if shape else 1
        groups = -(-columns // size)
        zeros = payload.get("zeroPoints")
        codes = np.frombuffer(self.content(payload["codes"]), np.uint8 if zeros else np.int8)
        check(codes.size == count, f"{self.path}: {codes.size} codes for {shape}")
        rows = count // columns if columns else 0
        codes = codes.reshape(rows, columns).astype(np.int16)

        def spread(per_group):
            """One value a group [rows · groups] → one an element [rows, columns]."""
            return np.repeat(per_group.reshape(rows, groups), size, axis=1)[:, :columns]

        if zeros:
            codes = codes - spread(np.frombuffer(self.content(zeros), np.uint8))
        values = spread(self.array(payload["scales"]).astype(np.float32)) * codes
        if "columnScales" in payload:
            values = values * self.array(payload["columnScales"]).astype(np.float32)
        return values.reshape(shape)

    # -- what users ask for --------------------------------------------------------------------------------------------------------

    def tensor(self, name):
        """The values of one tensor; of one tied to another, the other's."""
        targets = dict(self.manifest["ties"])
        entry = self.tensors[targets.get(name, name)]
        values = self.values(entry["payload"])
        check(list(values.shape) == entry["shape"], f"{self.path}: tensor '{name}' is {list(values.shape)}, not {entry['shape']}")
        return values

    def state_dict(self):
        """Every tensor by name, tied names too, as arrays of their own with the checkpoint's rows and columns: float32, or the integers
        that were stored."""
        made = {name: self.tensor(name) for name in self.tensors}
        made = {name: values.T if self.tensors[name].get("transposed") else values for name, values in made.items()}
        made = {name: np.array(v, np.float32 if v.dtype.kind == "f" else v.dtype, order="C") for name, v in made.items()}
        return {**made, **{name: made[target] for name, target in self.manifest["ties"]}}

    def attachments(self):
        """The files that travel inside, by name."""
        return {file["name"]: self.content(file["part"]) for file in self.manifest["attachments"]}

    def metadata(self):
        """Keys and values in order, with long arrays read."""
        return [(key, self._metadata_value(value)) for key, value in self.manifest["metadata"]]

    def _metadata_value(self, value):
        kind, content = next(iter(value.items()))
        if kind == "longArray":
            data, kind, count = self.content(content["part"]), content["type"], content["count"]
            if kind == "string":
                items = []
                while data:
                    length = int.from_bytes(data[:4], "little")
                    items.append(data[4:4 + length].decode("utf-8"))
                    data = data[4 + length:]
            elif kind == "bool":
                items = [bool(byte) for byte in data]
            else:
                items = np.frombuffer(data, "<" + kind[0] + str(int("".join(filter(str.isdigit, kind))) // 8)).tolist()
            check(len(items) == count, f"{self.path}: metadata has {len(items)} elements, not {count}")
            return items
        if kind == "array":
            return [self._metadata_value(item) for item in content] if isinstance(content, list) else []
        if kind.startswith("float"):
            width = int(kind[5:]) // 8
            if content.startswith("0x"):
                return struct.unpack(">f" if width == 4 else ">d", bytes.fromhex(content[2:]))[0]
            return float(content)
        return int(content) if "int" in kind else content


# -- encodings ---------------------------------------------------------------------------------------------------------------------


def is_part(key, member):
    """Whether a member of the manifest is a part."""
    return key in ("part", "positions", "codes", "zeroPoints") and isinstance(member, dict) and "storedDigest" in member


def join_planes(frames, is_float):
    """Byte k of each element lies in frame k; floats were rotated left by one bit."""
    width = len(frames)
    check(len({len(frame) for frame in frames}) == 1, "planes differ in length")
    elements = np.stack([np.frombuffer(frame, np.uint8) for frame in frames], 1).copy().view(f"<u{width}").reshape(-1)
    if is_float:
        one, rest = np.array(1, elements.dtype), np.array(8 * width - 1, elements.dtype)
        elements = (elements >> one) | (elements << rest)
    return elements.tobytes()


def unpack(frame, count, packing):
    """Several codes a byte, then the codes that have no digit."""
    low, radix, escapes = packing["low"], packing["radix"], packing["escapes"]
    check(0 <= low <= 255 and 2 <= radix <= 16, f"codes of radix {radix}")
    each = DIGITS_A_BYTE.get(radix, 2)
    packed = -(-count // each)
    numbers = np.frombuffer(frame, np.uint8)
    check(numbers.size >= packed, "packed codes are cut off")
    numbers, rest = numbers[:packed].astype(np.int64), numbers[packed:]
    check(not numbers.size or int(numbers.max()) < radix ** each, "a byte holds no digits")
    digits = (numbers[:, None] // radix ** np.arange(each)) % radix
    check(not digits.reshape(-1)[count:].any(), "digits after the last code")
    digits = digits.reshape(-1)[:count]
    codes = ((digits + low) % 256).astype(np.uint8)
    escaped = digits == radix - 1 if escapes else np.zeros(count, bool)
    check(int(escaped.sum()) == rest.size, f"{rest.size} escaped codes for {int(escaped.sum())} escapes")
    check(not np.any((rest.astype(np.int64) - low) % 256 < radix - 1), "an escaped code has a digit")
    codes[escaped] = rest
    return codes.tobytes()


class Frequencies:
    """Of sixteen symbols: cumulative below each, of 2^31, which move towards what is seen."""
    FLOOR = (1 << 16) + (1 << 10)
    REST = (1 << 31) - 16 * FLOOR

    def __init__(self, mean):
        """Falling off geometrically around a mean in 2^-16."""
        self.below, self.seen, tail = [], 0, self.REST
        for symbol in range(16):
            self.below.append(symbol * self.FLOOR + self.REST - tail)
            tail = tail * mean // (mean + (1 << 16))

    def decode(self, words):
        place = words.state & 0x7FFF
        symbol = bisect.bisect_right(self.below, place << 16 | 0xFFFF) - 1
        start = self.below[symbol] >> 16
        end = self.below[symbol + 1] >> 16 if symbol < 15 else 1 << 15
        words.advance((end - start) * (words.state >> 15) + place - start)
        rate = (self.seen + 2).bit_length()
        self.seen = min(self.seen + 1, 254)
        self.below = [b + (i * self.FLOOR + (self.REST if i > symbol else 0) - b >> rate) for i, b in enumerate(self.below)]
        return symbol


class Words:
    """The state of the coder, 16-bit words from the front of a frame, and bits as they are from its end."""

    def __init__(self, frame):
        check(len(frame) >= 4, "adaptive codes are cut off")
        self.frame, self.next, self.end, self.held, self.count = frame, 4, len(frame), 0, 0
        self.state = int.from_bytes(frame[:4], "little")
        check(self.state >= 1 << 16, "a coder's state is too small")

    def advance(self, state):
        if state < 1 << 16:
            check(self.next + 2 <= self.end, "adaptive codes are cut off")
            state = state << 16 | int.from_bytes(self.frame[self.next:self.next + 2], "little")
            self.next += 2
        self.state = state

    def bits(self, count):
        while self.count < count:
            check(self.end > self.next, "adaptive codes are cut off")
            self.end -= 1
            self.held |= self.frame[self.end] << self.count
            self.count += 8
        value = self.held & (1 << count) - 1
        self.held >>= count
        self.count -= count
        return value


def adaptive(frame, count, coding):
    """Codes whose frequencies adapt to the magnitudes before them in their row and above them in their column."""
    columns, center, is_trellis = coding["columns"], coding["center"], coding["trellis"]
    check(1 <= columns <= 1 << 20 and 0 <= center <= 255, f"rows of {columns} codes")
    words = Words(frame)
    models = [[Frequencies((9 + 2 * (c & 3)) << (c // 4 + 8)) for c in range(48)] for _ in range(2)]
    escapes = [Frequencies(4 << 16) for _ in range(12)]
    means, codes = [1 << 16] * columns, bytearray(count)
    for row, start in enumerate(range(0, count, columns)):
        mean = sum(means) // columns
        inverse, share = (1 << 37) // max(mean, 64), (1 << 16) // min(row + 2, 64)
        state = 0
        for j in range(min(columns, count - start)):
            expected = (mean * inverse >> 21) * means[j] >> 16
            octave = expected.bit_length() - 12
            of = 0 if octave < 0 else 47 if octave > 11 else 4 * octave + (expected >> octave + 9 & 3)
            quantiser = state >> 1 & 1 if is_trellis else 0
            magnitude = models[quantiser][of].decode(words)
            if magnitude == 15:
                symbol = escapes[of // 4].decode(words)
                extra = symbol // 2 - 1 if symbol >= 4 else 0
                magnitude += symbol if symbol < 4 else (2 + symbol % 2 << extra) + words.bits(extra)
            negative = words.bits(1) if magnitude else 0
            value = 2 * magnitude - (1 if magnitude and quantiser else 0) if is_trellis else magnitude
            check(value <= 127 + negative, f"a code of magnitude {value}")
            codes[start + j] = (center + (-value if negative else value)) % 256
            bounded = min(magnitude, 63) << 16
            mean += (bounded - mean) * ((1 << 16) // min(j + 5, 128)) >> 16
            means[j] += (bounded - means[j]) * share >> 16
            state = 2 * state % 8 | (magnitude ^ bin(state).count("1")) & 1
    check(words.state == 1 << 16 and words.next == words.end and words.held == 0, "adaptive codes do not end where they must")
    return bytes(codes)


def bitmap_of_gaps(frame, count):
    """Clear bits before each set one → a bitmap of `count` bytes."""
    gaps = np.frombuffer(frame, np.uint8).astype(np.int64)
    check(not gaps.size or gaps[-1] != 255, "a gap is cut off")
    # A byte below 255 ends a gap and sets the bit after it.
    places = np.cumsum(gaps + (gaps < 255))[gaps < 255] - 1
    check(not places.size or int(places[-1]) < 8 * count, "a gap ends outside the chunk")
    bits = np.zeros(8 * count, np.uint8)
    bits[places] = 1
    return np.packbits(bits, bitorder="little").tobytes()


def float8(dtype):
    """The 256 values of an 8-bit float: E4M3 without infinities and with one NaN a sign, or E5M2, the upper half of F16."""
    codes = np.arange(256, dtype=np.uint16)
    if dtype == "F8_E5M2":
        return (codes << 8).view(np.float16).astype(np.float32)
    sign = np.where(codes & 0x80, -1.0, 1.0)
    exponent, mantissa = (codes >> 3 & 15).astype(np.int32), (codes & 7).astype(np.float64)
    values = np.where(exponent == 0, mantissa / 8 * 2.0 ** -6, (1 + mantissa / 8) * 2.0 ** (exponent - 7.0))
    return np.where(codes & 0x7F == 0x7F, np.nan, sign * values).astype(np.float32)


def main(arguments):
    if len(arguments) not in (1, 3) or len(arguments) == 3 and arguments[1] != "--extract":
        sys.exit("usage: caplet_reader.py FILE [--extract FOLDER]")
    try:
        file = CapletFile(arguments[0])
        for name, entry in file.tensors.items():
            print(name, entry["dtype"], entry["shape"], entry["payload"]["kind"])
        if len(arguments) == 3:
            for name, content in file.attachments().items():
                parts = name.split("/")
                check(len(parts) <= 2 and not any(part in ("", ".", "..") for part in parts),
                      f"{file.path}: attachment '{name}' has no plain name")
                if len(parts) == 2:
                    os.makedirs(os.path.join(arguments[2], parts[0]), exist_ok=True)
                with open(os.path.join(arguments[2], name), "xb") as target:
                    target.write(content)
    except (CapletError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
