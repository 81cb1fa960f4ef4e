import StrictJSON

extension JSONValue {
    /// Parses one document of a file.
    ///
    /// - Throws: `FormatError.malformed` for what the strict parser refuses.
    public init<Bytes: Collection>(
        parsing bytes: Bytes, path: String, object: String, takesInfinity: Bool = false, maximumValueCount: Int = .max
    ) throws where Bytes.Element == UInt8 {
        do {
            try self.init(strict: bytes, takesInfinity: takesInfinity, maximumValueCount: maximumValueCount)
        } catch let error as JSONError {
            throw FormatError.malformed(path, object, "is not valid JSON at byte \(error.offset): \(error.reason)")
        }
    }

    /// The members of a document that is one object, in their order.
    ///
    /// - Throws: as `init(parsing:path:object:)`, and for a document that is no object.
    public static func members<Bytes: Collection>(
        parsing bytes: Bytes, path: String, object: String
    ) throws -> [(key: String, value: JSONValue)] where Bytes.Element == UInt8 {
        guard let members = try JSONValue(parsing: bytes, path: path, object: object).object else {
            throw FormatError.malformed(path, object, "is no JSON object")
        }
        return members.members
    }
}
