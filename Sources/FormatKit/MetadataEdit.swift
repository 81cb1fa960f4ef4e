import ModelGraph
import StrictJSON

/// One change to a model's metadata: `KEY=VALUE`, `KEY:TYPE=VALUE`, or `KEY=` to remove the key.
///
/// Types are u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 bool str, and each with [] after it for an array, whose value is JSON. Without a
/// type the key keeps the one that it has. An empty string is `KEY:str=`.
public struct MetadataEdit: Equatable, Sendable {
    public let key: String
    /// Nil where the edit says none.
    public let type: ValueType?
    /// Nil removes the key.
    public let text: String?

    /// A metadata type, or an array of one.
    public struct ValueType: Equatable, Sendable {
        public let element: MetadataType
        public let isArray: Bool

        public init(_ element: MetadataType, isArray: Bool = false) {
            self.element = element
            self.isArray = isArray
        }

        public init(of value: MetadataValue) {
            if case .array(let element, _) = value { self.init(element, isArray: true) } else { self.init(value.type) }
        }

        public var name: String { (ValueType.names.first { $0.type == element }?.name ?? "\(element)") + (isArray ? "[]" : "") }

        fileprivate static let names: [(name: String, type: MetadataType)] = [
            ("u8", .uint8), ("i8", .int8), ("u16", .uint16), ("i16", .int16), ("u32", .uint32), ("i32", .int32), ("u64", .uint64),
            ("i64", .int64), ("f32", .float32), ("f64", .float64), ("bool", .bool), ("str", .string),
        ]
    }

    public struct Failure: Error, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// - Throws: `Failure` for text that is no edit.
    public init(parsing argument: String) throws {
        guard let sign = argument.firstIndex(of: "=") else {
            throw Failure(description: "'\(argument)' has no '=': give KEY=VALUE, or KEY= to remove KEY")
        }
        let left = argument[..<sign], value = String(argument[argument.index(after: sign)...])
        guard let colon = left.lastIndex(of: ":") else {
            (key, type, text) = (String(left), nil, value.isEmpty ? nil : value)
            guard !key.isEmpty else { throw Failure(description: "'\(argument)' names no key") }
            return
        }
        var name = left[left.index(after: colon)...]
        let isArray = name.hasSuffix("[]")
        if isArray { name.removeLast(2) }
        guard let element = ValueType.names.first(where: { $0.name == name })?.type else {
            let names = ValueType.names.map(\.name).joined(separator: " ")
            let given = left[left.index(after: colon)...]
            throw Failure(description: "'\(argument)' has the unknown type '\(given)'; there are \(names), and arrays such as u32[]")
        }
        (key, type, text) = (String(left[..<colon]), ValueType(element, isArray: isArray), value)
        guard !key.isEmpty else { throw Failure(description: "'\(argument)' names no key") }
    }

    /// The value for a key that has `present` now; nil removes it.
    ///
    /// - Throws: `Failure` for a value that is not of the type, a type that is not the key's, or none for a new key.
    public func value(replacing present: MetadataValue?) throws -> MetadataValue? {
        guard let text else {
            guard present != nil else { throw Failure(description: "'\(key)' cannot be removed: it is not there") }
            return nil
        }
        let own = present.map(ValueType.init(of:))
        guard let type = type ?? own else {
            throw Failure(description: "'\(key)' is not there yet: give its type, such as \(key):str=\(text)")
        }
        if let own, own != type { throw Failure(description: "'\(key)' is of type \(own.name), not \(type.name)") }
        guard type.isArray else {
            guard let value = MetadataEdit.scalar(text, type.element) else { throw wrong(text, type) }
            return value
        }
        guard case .array(let elements)? = try? JSONValue(parsing: Array(text.utf8), path: "", object: key) else { throw wrong(text, type) }
        let values = elements.compactMap { MetadataEdit.element($0, type.element) }
        guard values.count == elements.count else { throw wrong(text, type) }
        return .array(type.element, values)
    }

    private func wrong(_ text: String, _ type: ValueType) -> Failure {
        Failure(description: "'\(key)': '\(text)' is no \(type.name)" + (type.isArray ? "; arrays are JSON, such as [1, 2]" : ""))
    }

    private static func scalar(_ text: String, _ type: MetadataType) -> MetadataValue? {
        switch type {
        case .uint8: return UInt8(text).map(MetadataValue.uint8)
        case .int8: return Int8(text).map(MetadataValue.int8)
        case .uint16: return UInt16(text).map(MetadataValue.uint16)
        case .int16: return Int16(text).map(MetadataValue.int16)
        case .uint32: return UInt32(text).map(MetadataValue.uint32)
        case .int32: return Int32(text).map(MetadataValue.int32)
        case .uint64: return UInt64(text).map(MetadataValue.uint64)
        case .int64: return Int64(text).map(MetadataValue.int64)
        case .float32: return Float(text).map(MetadataValue.float32)
        case .float64: return Double(text).map(MetadataValue.float64)
        case .bool: return ["true": .bool(true), "false": .bool(false)][text]
        case .string: return .string(text)
        case .array: return nil
        }
    }

    private static func element(_ value: JSONValue, _ type: MetadataType) -> MetadataValue? {
        switch (value, type) {
        case (.string(let text), .string): return .string(text)
        case (.bool(let flag), .bool): return .bool(flag)
        case (.integer(let number), _) where type != .string && type != .bool: return scalar(String(number), type)
        case (.number(let number), .float32): return .float32(Float(number))
        case (.number(let number), .float64): return .float64(number)
        default: return nil
        }
    }
}
