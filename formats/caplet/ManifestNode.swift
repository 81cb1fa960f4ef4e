import FormatKit
import ModelGraph
import StrictJSON

/// An object of the manifest while it is parsed: members by name, each with the type it must have, no others.
struct ManifestNode {
    let members: JSONObject
    let path: String
    /// What it describes, for messages.
    let object: String

    /// - Throws: `FormatError.malformed` for what is no object, `.unsupported` for a member that is not in `allowed`.
    init(_ value: JSONValue?, _ allowed: Set<String>, path: String, object: String) throws {
        guard let members = value?.object else { throw FormatError.malformed(path, object, "is described by no object") }
        if let extra = members.keys.filter({ !allowed.contains($0) }).min() {
            throw FormatError.unsupported(path, object, "has the unknown member '\(extra.prefix(40))'")
        }
        self.members = members
        self.path = path
        self.object = object
    }

    func malformed(_ message: String) -> FormatError { .malformed(path, object, message) }
    func unsupported(_ message: String) -> FormatError { .unsupported(path, object, message) }

    /// A count, offset or size.
    func count(_ key: String) throws -> Int {
        guard case .integer(let value)? = members[key], value >= 0 else { throw malformed("'\(key)' is no count") }
        return value
    }

    func string(_ key: String) throws -> String {
        guard let value = members[key]?.string else { throw malformed("'\(key)' is no string") }
        return value
    }

    func bool(_ key: String) throws -> Bool {
        guard let value = members[key]?.bool else { throw malformed("'\(key)' is neither true nor false") }
        return value
    }

    func array(_ key: String) throws -> [JSONValue] {
        guard let value = members[key]?.array else { throw malformed("'\(key)' is no array") }
        return value
    }

    /// An array of pairs that begin with a string.
    func pairs(_ key: String) throws -> [(key: String, value: JSONValue)] {
        try array(key).map { entry in
            guard let pair = entry.array, pair.count == 2, let name = pair[0].string else {
                throw malformed("'\(key)' has an entry that is no pair")
            }
            return (name, pair[1])
        }
    }

    func stringPairs(_ key: String) throws -> [(key: String, value: String)] {
        try pairs(key).map { name, value in
            guard let text = value.string else { throw malformed("'\(key)' has no string for '\(name)'") }
            return (name, text)
        }
    }

    func dtype(_ key: String) throws -> DType {
        let name = try string(key)
        guard let dtype = DType(rawValue: name) else { throw unsupported("has dtype \(name.prefix(40)), which cannot be carried") }
        return dtype
    }

    func shape(_ key: String) throws -> Shape {
        let list = try array(key)
        let dimensions = list.compactMap { value -> Int? in
            if case .integer(let dimension) = value { return dimension }
            return nil
        }
        guard dimensions.count == list.count, let shape = Shape(dimensions) else {
            throw malformed("'\(key)' is no shape of at most \(Shape.maximumRank) dimensions")
        }
        return shape
    }

    func digest(_ key: String) throws -> ContentDigest {
        guard let digest = ContentDigest(hexadecimal: try string(key)) else { throw malformed("'\(key)' is no digest of 32 digits") }
        return digest
    }

    func sha256(_ key: String) throws -> SHA256Digest {
        let text = try string(key)
        guard let digest = SHA256Digest(hexadecimal: text), digest.hexadecimal == text else {
            throw malformed("'\(key)' is no digest of 64 digits")
        }
        return digest
    }
}
