import FormatKit
import ModelGraph
import StrictJSON

extension Manifest {
    /// The manifest as JSON: keys in a fixed order, no spaces, so that equal manifests are equal bytes.
    var text: String {
        func pairs(_ list: [(String, String)]) -> String {
            JSONText.array(list.map { JSONText.array([JSONText.quoted($0.0), JSONText.quoted($0.1)]) })
        }
        var members = [
            (key: "format", text: JSONText.quoted("caplet")), ("version", String(Manifest.version)),
            ("generator", JSONText.quoted(generator)), ("provenance", pairs(provenance.map { ($0.key, $0.value) })),
        ]
        if let sha256 { members.append(("sha256", JSONText.quoted(sha256.hexadecimal))) }
        members += contents { $0.text }
        if !headers.isEmpty { members.append(("headers", JSONText.array(headers.map(Manifest.text)))) }
        return JSONText.object(members) + "\n"
    }

    /// The SHA-256 digest of what the file holds, in a text that depends on nothing else: each part is its own digest, wherever and
    /// however it is stored.
    ///
    /// - Parameter digests: of all parts' contents, in the order of the file.
    func contentDigest(_ digests: [SHA256Digest]) -> SHA256Digest {
        var rest = digests[...]
        let text = JSONText.object(contents { _ in JSONText.quoted(rest.popFirst()?.hexadecimal ?? "") }) + "\n"
        return SHA256Digest(of: Array(text.utf8))
    }

    private func contents(_ part: (Part) -> String) -> [(key: String, text: String)] {
        [
            ("metadata", JSONText.array(metadata.map { JSONText.array([JSONText.quoted($0.key), Manifest.text($0.value, part)]) })),
            ("ties", JSONText.array(ties.map { JSONText.array([JSONText.quoted($0.name), JSONText.quoted($0.target)]) })),
            (
                "attachments",
                JSONText.array(attachments.map { JSONText.object([("name", JSONText.quoted($0.name)), ("part", part($0.part))]) })
            ),
            ("tensors", JSONText.array(tensors.map { Manifest.text($0, part) })),
        ]
    }

    private static func text(_ header: Header) -> String {
        JSONText.object([("format", JSONText.quoted(header.format)), ("name", JSONText.quoted(header.name)), ("part", header.part.text)])
    }

    /// What is beside a language model follows from config.json, and has no role in the file.
    private static func roleName(_ role: TensorRole) -> String { (role == .vision ? TensorRole.unknown : role).rawValue }

    private static func text(_ tensor: Entry, _ part: (Part) -> String) -> String {
        var members = [
            (key: "name", text: JSONText.quoted(tensor.name)), ("shape", tensor.shape.text),
            ("dtype", JSONText.quoted(tensor.dtype.rawValue)), ("role", JSONText.quoted(roleName(tensor.role))),
        ]
        if tensor.isTransposedInCheckpoint { members.append(("transposed", "true")) }
        return JSONText.object(members + [("payload", tensor.payload.text(part))])
    }

    private static func text(_ value: Value, _ part: (Part) -> String) -> String {
        switch value {
        case .inline(let value): return MetadataText.text(value)
        case .part(let array):
            return JSONText.object([
                (
                    "longArray",
                    JSONText.object([
                        ("type", JSONText.quoted(MetadataText.name(array.type))), ("count", String(array.count)),
                        ("part", part(array.part)),
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
    func text(_ part: (Part) -> String) -> String {
        switch self {
        case .dense(let array): return JSONText.object([("kind", "\"dense\""), ("array", array.text(part))])
        case .lowRank(let u, let v): return JSONText.object([("kind", "\"lowRank\""), ("u", u.text(part)), ("v", v.text(part))])
        case .sparse(let rows, let columns, let nonZeroCount, let positions, let values):
            return JSONText.object([
                ("kind", "\"sparse\""), ("rows", String(rows)), ("columns", String(columns)), ("nonZeros", String(nonZeroCount)),
                ("positions", part(positions)), ("values", values.text(part)),
            ])
        case .quantized(let shape, let bits, let groupSize, let codes, let scales, let zeroPoints, let columnScales):
            var members = [
                ("kind", "\"quantized\""), ("shape", shape.text), ("bits", String(bits)), ("groupSize", String(groupSize)),
                ("codes", part(codes)), ("scales", scales.text(part)),
            ]
            if let zeroPoints { members.append(("zeroPoints", part(zeroPoints))) }
            if let columnScales { members.append(("columnScales", columnScales.text(part))) }
            return JSONText.object(members.map { (key: $0.0, text: $0.1) })
        case .composite(let terms):
            return JSONText.object([("kind", "\"composite\""), ("terms", JSONText.array(terms.map { $0.text(part) }))])
        }
    }
}

extension StoredPayload.Array {
    func text(_ part: (Part) -> String) -> String {
        JSONText.object([("dtype", JSONText.quoted(dtype.rawValue)), ("shape", shape.text), ("part", part(self.part))])
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
        case .adaptive(let codes):
            return JSONText.object([
                (
                    "adaptive",
                    JSONText.object([
                        ("columns", String(codes.columns)), ("center", String(codes.center)),
                        ("trellis", codes.isTrellis ? "true" : "false"),
                    ])
                )
            ])
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
