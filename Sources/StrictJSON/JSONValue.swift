/// A JSON document as read by a strict reader: UTF-8, no key twice in one object, limited nesting.
public enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue {
    public static let maximumNesting = 64

    /// Parses one document.
    ///
    /// - Parameters:
    ///   - allowsByteOrderMark: whether the three bytes that some editors put first are passed over.
    ///   - takesInfinity: whether `Infinity`, which Python writes and RFC 8259 does not allow, becomes a string of that name.
    ///   - maximumValueCount: most values, those within others counted too: each takes many times the memory of its shortest text.
    /// - Throws: `JSONError` for bad syntax, nesting deeper than 64, text that is not UTF-8, a key that an object has twice, or too many
    ///   values.
    public init<Bytes: Collection>(
        strict bytes: Bytes, allowsByteOrderMark: Bool = false, takesInfinity: Bool = false, maximumValueCount: Int = .max
    ) throws where Bytes.Element == UInt8 {
        func parse(_ raw: UnsafeRawBufferPointer) throws -> JSONValue {
            var parser = JSONParser(
                raw, skipsByteOrderMark: allowsByteOrderMark, takesInfinity: takesInfinity, maximumValueCount: maximumValueCount)
            return try parser.document()
        }
        if let value = try bytes.withContiguousStorageIfAvailable({ try parse(UnsafeRawBufferPointer($0)) }) {
            self = value
        } else {
            self = try Array(bytes).withUnsafeBytes(parse)
        }
    }

    /// The value of a key of an object; nil where this is no object, has no such key or has null there.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let object) = self, let value = object[key], value != .null else { return nil }
        return value
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var array: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
    public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }

    /// A whole number, however it was written.
    public var integer: Int? {
        switch self {
        case .integer(let value): return value
        case .number(let value): return Int(exactly: value)
        default: return nil
        }
    }

    /// A whole number that fits 32 bits.
    public var int32: Int32? { integer.flatMap(Int32.init(exactly:)) }

    public var number: Double? {
        switch self {
        case .integer(let value): return Double(value)
        case .number(let value): return value
        default: return nil
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements.map { (key: $0.0, value: $0.1) }))
    }
    public init(_ value: Int32) { self = .integer(Int(value)) }
}
