import FormatKit
import ModelGraph
import StrictJSON

extension StoredPayload {
    /// - Throws: `FormatError.malformed`, `.unsupported` for a kind or member that is not known, with the place in the tree.
    init(_ value: JSONValue?, path: String, object: String, depth: Int = 1) throws {
        guard depth <= StoredPayload.maximumDepth else {
            throw FormatError.unsupported(path, object, "has payloads more than \(StoredPayload.maximumDepth) deep")
        }
        func payload(_ value: JSONValue?, _ place: String) throws -> StoredPayload {
            try StoredPayload(value, path: path, object: StoredPayload.place(object, place), depth: depth + 1)
        }
        func part(_ node: ManifestNode, _ key: String) throws -> Part {
            try Part(node.members[key], path: path, object: StoredPayload.place(object, key))
        }
        func array(_ node: ManifestNode, _ key: String) throws -> Array {
            try Array(node.members[key], path: path, object: StoredPayload.place(object, key))
        }
        switch value?["kind"]?.string {
        case "dense"?:
            let node = try ManifestNode(value, ["kind", "array"], path: path, object: object)
            self = .dense(try Array(node.members["array"], path: path, object: object))
        case "lowRank"?:
            let node = try ManifestNode(value, ["kind", "u", "v"], path: path, object: object)
            self = .lowRank(u: try payload(node.members["u"], "u"), v: try payload(node.members["v"], "v"))
        case "sparse"?:
            let node = try ManifestNode(
                value, ["kind", "rows", "columns", "nonZeros", "positions", "values"], path: path, object: object)
            self = .sparse(
                rows: try node.count("rows"), columns: try node.count("columns"), nonZeroCount: try node.count("nonZeros"),
                positions: try part(node, "positions"), values: try payload(node.members["values"], "values"))
        case "quantized"?:
            let node = try ManifestNode(
                value, ["kind", "shape", "bits", "groupSize", "codes", "scales", "zeroPoints", "columnScales"], path: path, object: object)
            self = .quantized(
                shape: try node.shape("shape"), bits: try node.count("bits"), groupSize: try node.count("groupSize"),
                codes: try part(node, "codes"),
                scales: try array(node, "scales"), zeroPoints: node.members["zeroPoints"] == nil ? nil : try part(node, "zeroPoints"),
                columnScales: node.members["columnScales"] == nil ? nil : try array(node, "columnScales"))
        case "composite"?:
            let node = try ManifestNode(value, ["kind", "terms"], path: path, object: object)
            self = .composite(try node.array("terms").enumerated().map { try payload($1, "terms[\($0)]") })
        case let kind?: throw FormatError.unsupported(path, object, "is of kind '\(kind.prefix(40))', which cannot be read")
        case nil: throw FormatError.malformed(path, object, "has no kind")
        }
    }
}

extension StoredPayload.Array {
    init(_ value: JSONValue?, path: String, object: String) throws {
        let node = try ManifestNode(value, ["dtype", "shape", "part"], path: path, object: object)
        dtype = try node.dtype("dtype")
        shape = try node.shape("shape")
        part = try Part(node.members["part"], path: path, object: object)
        guard part.byteCount == dtype.byteCount(of: shape.elementCount) else {
            throw node.malformed("\(dtype.rawValue) \(shape) does not need \(part.byteCount) bytes")
        }
        switch part.encoding {
        case .raw: break
        case .planes(let width), .floatPlanes(let width):
            guard dtype.hasWholeBytes, width == dtype.byteWidth else {
                throw node.malformed("\(dtype.rawValue) in planes of width \(width)")
            }
        case .packed, .adaptive, .gaps: throw node.malformed("an array is encoded as codes or positions")
        }
    }
}
