/// A JSON document as read by a strict reader: UTF-8, no duplicate keys, limited nesting.
public enum JSONValue: Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])
}

extension JSONValue {
    public static let maximumNesting = 64

    /// Parses one document.
    ///
    /// - Throws: `FormatError.malformed` for bad syntax, nesting deeper than 64, or a key that an object has twice.
    public init<Bytes: Collection>(parsing bytes: Bytes, path: String, object: String) throws where Bytes.Element == UInt8 {
        self = try JSONValue.parse(bytes, path, object) { try $0.document() }
    }

    /// The members of a document that is one object, in their order.
    ///
    /// - Throws: as `init(parsing:path:object:)`, and for a document that is no object.
    public static func members<Bytes: Collection>(
        parsing bytes: Bytes, path: String, object: String
    ) throws -> [(key: String, value: JSONValue)] where Bytes.Element == UInt8 {
        try parse(bytes, path, object) { try $0.members() }
    }

    private static func parse<Bytes: Collection, Result>(
        _ bytes: Bytes, _ path: String, _ object: String, _ body: (inout JSONParser) throws -> Result
    ) throws -> Result where Bytes.Element == UInt8 {
        do {
            let direct = try bytes.withContiguousStorageIfAvailable { storage in
                var parser = JSONParser(UnsafeRawBufferPointer(storage), maximumNesting: maximumNesting)
                return try body(&parser)
            }
            if let direct { return direct }
            return try Array(bytes).withUnsafeBytes { raw in
                var parser = JSONParser(raw, maximumNesting: maximumNesting)
                return try body(&parser)
            }
        } catch let error as JSONParser.Failure {
            throw FormatError.malformed(path, object, error.description)
        }
    }

    public subscript(key: String) -> JSONValue? {
        if case .object(let members) = self { return members[key] }
        return nil
    }

    public var string: String? {
        if case .string(let value) = self { return value }
        return nil
    }

    /// A whole number, however it was written.
    public var integer: Int? {
        switch self {
        case .integer(let value): return value
        case .number(let value): return Int(exactly: value)
        default: return nil
        }
    }

    public var number: Double? {
        switch self {
        case .integer(let value): return Double(value)
        case .number(let value): return value
        default: return nil
        }
    }

    public var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    public var array: [JSONValue]? {
        if case .array(let values) = self { return values }
        return nil
    }

    public var object: [String: JSONValue]? {
        if case .object(let members) = self { return members }
        return nil
    }
}
