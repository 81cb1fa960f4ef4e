import FormatKit
import ModelGraph
import StrictJSON

extension Manifest {
    /// The manifest as JSON: keys in a fixed order, no spaces, so that equal manifests are equal bytes.
    var text: String {
        func pairs(_ list: [(String, String)]) -> String {
            JSONText.array(list.map { JSONText.array([JSONText.quoted($0.0), JSONText.quoted($0.1)]) })
        }
        return JSONText.object([
            ("format", JSONText.quoted("caplet")),
            ("version", String(Manifest.version)),
            ("generator", JSONText.quoted(generator)),
            ("provenance", pairs(provenance.map { ($0.key, $0.value) })),
            ("metadata", JSONText.array(metadata.map { JSONText.array([JSONText.quoted($0.key), Manifest.text($0.value)]) })),
            ("ties", pairs(ties.map { ($0.name, $0.target) })),
            (
                "attachments",
                JSONText.array(
                    attachments.map {
                        JSONText.object([("name", JSONText.quoted($0.name)), ("part", $0.part.text)])
                    })
            ),
            ("tensors", JSONText.array(tensors.map(Manifest.text))),
        ]) + "\n"
    }

    private static func text(_ tensor: Entry) -> String {
        var members = [
            (key: "name", text: JSONText.quoted(tensor.name)), ("shape", tensor.shape.text),
            ("dtype", JSONText.quoted(tensor.dtype.rawValue)), ("role", JSONText.quoted(tensor.role.rawValue)),
        ]
        if tensor.isTransposedInCheckpoint { members.append(("transposed", "true")) }
        return JSONText.object(members + [("payload", tensor.payload.text)])
    }

    private static func text(_ value: Value) -> String {
        switch value {
        case .inline(let value): return MetadataText.text(value)
        case .part(let array):
            return JSONText.object([
                (
                    "longArray",
                    JSONText.object([
                        ("type", JSONText.quoted(MetadataText.name(array.type))), ("count", String(array.count)), ("part", array.part.text),
                    ])
                )
            ])
        }
    }
}

extension Shape {
    var text: String { JSONText.array(dimensions.map(String.init)) }
}

extension StoredPayload {
    var text: String {
        switch self {
        case .dense(let array): return JSONText.object([("kind", "\"dense\""), ("array", array.text)])
        case .lowRank(let u, let v): return JSONText.object([("kind", "\"lowRank\""), ("u", u.text), ("v", v.text)])
        case .sparse(let rows, let columns, let nonZeroCount, let positions, let values):
            return JSONText.object([
                ("kind", "\"sparse\""), ("rows", String(rows)), ("columns", String(columns)), ("nonZeros", String(nonZeroCount)),
                ("positions", positions.text), ("values", values.text),
            ])
        case .quantized(let shape, let bits, let groupSize, let codes, let scales, let zeroPoints, let columnScales):
            var members = [
                ("kind", "\"quantized\""), ("shape", shape.text), ("bits", String(bits)), ("groupSize", String(groupSize)),
                ("codes", codes.text), ("scales", scales.text),
            ]
            if let zeroPoints { members.append(("zeroPoints", zeroPoints.text)) }
            if let columnScales { members.append(("columnScales", columnScales.text)) }
            return JSONText.object(members.map { (key: $0.0, text: $0.1) })
        case .composite(let terms):
            return JSONText.object([("kind", "\"composite\""), ("terms", JSONText.array(terms.map(\.text)))])
        }
    }
}

extension StoredPayload.Array {
    var text: String {
        JSONText.object([("dtype", JSONText.quoted(dtype.rawValue)), ("shape", shape.text), ("part", part.text)])
    }
}

extension Part {
    var text: String {
        let pairs = frames.map { "[\($0.storedByteCount),\($0.contentByteCount)]" }
        return JSONText.object([
            ("encoding", encoding.text), ("bytes", String(byteCount)), ("chunk", String(chunkByteCount)), ("offset", String(offset)),
            ("frames", JSONText.array(pairs)), ("digest", JSONText.quoted(digest.hexadecimal)),
            ("storedDigest", JSONText.quoted(storedDigest.hexadecimal)),
        ])
    }
}

extension PartEncoding {
    var text: String {
        switch self {
        case .raw: return "\"raw\""
        case .gaps: return "\"gaps\""
        case .planes(let width): return JSONText.object([("planes", String(width))])
        case .floatPlanes(let width): return JSONText.object([("floatPlanes", String(width))])
        case .packed(let codes):
            return JSONText.object([
                (
                    "packed",
                    JSONText.object([
                        ("low", String(codes.low)), ("radix", String(codes.radix)), ("escapes", codes.escapes ? "true" : "false"),
                    ])
                )
            ])
        }
    }
}
