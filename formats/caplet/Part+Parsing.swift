import FormatKit
import StrictJSON

extension Part {
    /// - Throws: `FormatError.malformed` for members that are missing or of another type, `.unsupported` for other encodings.
    init(_ value: JSONValue?, path: String, object: String) throws {
        let node = try ManifestNode(
            value, ["encoding", "bytes", "chunk", "offset", "frames", "digest", "storedDigest"], path: path, object: object)
        encoding = try PartEncoding(node.members["encoding"], path: path, object: object)
        byteCount = try node.count("bytes")
        chunkByteCount = try node.count("chunk")
        offset = try node.count("offset")
        digest = try node.digest("digest")
        storedDigest = try node.digest("storedDigest")
        frames = try node.array("frames").map { entry in
            guard let pair = entry.array, pair.count == 2, case .integer(let stored) = pair[0], case .integer(let content) = pair[1],
                stored >= 0, content >= 0
            else { throw node.malformed("'frames' has an entry that is no pair of sizes") }
            return Frame(storedByteCount: stored, contentByteCount: content)
        }
    }
}

extension PartEncoding {
    init(_ value: JSONValue?, path: String, object: String) throws {
        if let name = value?.string {
            switch name {
            case "raw": self = .raw
            case "gaps": self = .gaps
            default: throw FormatError.unsupported(path, object, "has the encoding '\(name.prefix(40))', which cannot be read")
            }
            return
        }
        guard let members = value?.object, members.count == 1, let (name, content) = members.first else {
            throw FormatError.malformed(path, object, "has no encoding")
        }
        switch name {
        case "planes", "floatPlanes":
            guard case .integer(let width) = content, [2, 4, 8].contains(width) else {
                throw FormatError.malformed(path, object, "has planes of a width that is not 2, 4 or 8")
            }
            self = name == "planes" ? .planes(width: width) : .floatPlanes(width: width)
        case "packed":
            let node = try ManifestNode(content, ["low", "radix", "escapes"], path: path, object: object)
            let (low, radix) = (try node.count("low"), try node.count("radix"))
            guard low <= 255, (2...16).contains(radix) else { throw node.malformed("packs codes from \(low) in base \(radix)") }
            self = .packed(PackedCodes(low: UInt8(low), radix: radix, escapes: try node.bool("escapes")))
        case "adaptive":
            let node = try ManifestNode(content, ["columns", "center", "trellis"], path: path, object: object)
            let (columns, center) = (try node.count("columns"), try node.count("center"))
            guard (1...AdaptiveCodes.maximumColumns).contains(columns), center <= 255 else {
                throw node.malformed("has rows of \(columns) codes around \(center)")
            }
            self = .adaptive(AdaptiveCodes(columns: columns, center: UInt8(center), isTrellis: try node.bool("trellis")))
        default: throw FormatError.unsupported(path, object, "has the encoding '\(name.prefix(40))', which cannot be read")
        }
    }
}
