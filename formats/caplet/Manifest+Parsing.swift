import FormatKit
import ModelGraph
import StrictJSON

extension Manifest {
    /// - Throws: `FormatError.malformed` where the JSON breaks a rule of SPEC.md, `.unsupported` for members, kinds, encodings
    ///   and versions that are not known.
    init(parsing bytes: UnsafeRawBufferPointer, fileByteCount: Int = .max, path: String) throws {
        let json = try JSONValue(
            parsing: bytes, path: path, object: "manifest", maximumValueCount: Manifest.maximumValueCount(fileByteCount: fileByteCount))
        if let version = json["version"]?.integer, version != Manifest.version {
            throw FormatError.unsupported(path, "manifest", "version \(version); \(Manifest.version) is what can be read")
        }
        let node = try ManifestNode(
            json, ["format", "version", "generator", "provenance", "sha256", "metadata", "ties", "attachments", "tensors", "headers"],
            path: path, object: "manifest")
        guard try node.string("format") == "caplet", try node.count("version") == Manifest.version else {
            throw node.malformed("is that of another format")
        }
        generator = try node.string("generator")
        provenance = try node.stringPairs("provenance")
        sha256 = try node.members["sha256"] == nil ? nil : node.sha256("sha256")
        metadata = try node.pairs("metadata").map { ($0.key, try Manifest.metadataValue($0.value, $0.key, path)) }
        ties = try node.stringPairs("ties").map { Tie(name: $0.key, target: $0.value) }
        attachments = try node.array("attachments").map { try Manifest.file($0, path) }
        tensors = try node.array("tensors").map { try Manifest.entry($0, path) }
        headers = try node.members["headers"] == nil ? [] : node.array("headers").map { try Manifest.header($0, path) }
        try checkNames(path)
    }

    /// Most values of the manifest of a file: a frame takes three and at least 14 bytes of the file, a tensor some sixty and two digests.
    static func maximumValueCount(fileByteCount: Int) -> Int {
        let (count, overflow) = fileByteCount.multipliedReportingOverflow(by: 16)
        return (1 << 20) + (overflow ? Int.max >> 1 : min(count, Int.max >> 1))
    }

    private static func metadataValue(_ json: JSONValue, _ key: String, _ path: String) throws -> Value {
        let object = "metadata '\(key)'"
        guard let long = json["longArray"] else {
            guard let value = MetadataText.value(json) else { throw FormatError.malformed(path, object, "has no typed value") }
            return .inline(value)
        }
        _ = try ManifestNode(json, ["longArray"], path: path, object: object)
        let node = try ManifestNode(long, ["type", "count", "part"], path: path, object: object)
        guard let type = MetadataText.type(try node.string("type")), type != .array else {
            throw node.unsupported("is an array of no known type")
        }
        let part = try Part(node.members["part"], path: path, object: object)
        guard part.encoding == .raw || part.encoding == LongArrayContent.encoding(type) else {
            throw node.malformed("has an encoding that \(MetadataText.name(type)) elements cannot have")
        }
        return .part(LongArray(type: type, count: try node.count("count"), part: part))
    }

    private static func file(_ json: JSONValue, _ path: String) throws -> File {
        let node = try ManifestNode(json, ["name", "part"], path: path, object: "attachments")
        let name = try node.string("name")
        guard FileName.isPlainOrInFolder(name) else { throw node.malformed("'\(name.prefix(80))' is no plain file name") }
        let part = try Part(node.members["part"], path: path, object: "attachment '\(name)'")
        guard part.encoding == .raw else { throw node.malformed("'\(name)' is not encoded raw") }
        return File(name: name, part: part)
    }

    private static func header(_ json: JSONValue, _ path: String) throws -> Header {
        let node = try ManifestNode(json, ["format", "name", "part"], path: path, object: "headers")
        let (format, name) = (try node.string("format"), try node.string("name"))
        guard name.isEmpty || FileName.isPlain(name) else { throw node.malformed("'\(name.prefix(80))' is no plain file name") }
        let part = try Part(node.members["part"], path: path, object: "header '\(name)'")
        guard part.encoding == .raw else { throw node.malformed("'\(name)' is not encoded raw") }
        return Header(format: format, name: name, part: part)
    }

    private static func entry(_ json: JSONValue, _ path: String) throws -> Entry {
        guard let name = json["name"]?.string else { throw FormatError.malformed(path, "tensors", "has an entry without a name") }
        let node = try ManifestNode(
            json, ["name", "shape", "dtype", "role", "transposed", "payload"], path: path, object: "tensor '\(name)'")
        let roleName = try node.string("role")
        guard let role = TensorRole(rawValue: roleName) else { throw node.unsupported("has the role '\(roleName.prefix(40))'") }
        let isTransposed = node.members["transposed"] == nil ? false : try node.bool("transposed")
        return Entry(
            name: name, shape: try node.shape("shape"), dtype: try node.dtype("dtype"), role: role,
            isTransposedInCheckpoint: isTransposed,
            payload: try StoredPayload(node.members["payload"], path: path, object: node.object))
    }

    private func checkNames(_ path: String) throws {
        func check(_ names: [String], _ what: String) throws {
            var seen = Set<String>()
            for name in names where !seen.insert(name).inserted { throw FormatError.malformed(path, what, "has '\(name)' twice") }
        }
        try check(tensors.map(\.name), "tensors")
        try check(metadata.map(\.key), "metadata")
        try check(attachments.map(\.name), "attachments")
        try check(headers.map { "\($0.format) \($0.name)" }, "headers")
        try check(ties.map(\.name), "ties")
    }
}
