/// A typed metadata value, by the types of the GGUF specification.
public enum MetadataValue: Hashable, Sendable {
    case uint8(UInt8), int8(Int8), uint16(UInt16), int16(Int16), uint32(UInt32), int32(Int32)
    case uint64(UInt64), int64(Int64), float32(Float), float64(Double), bool(Bool), string(String)
    /// Values of one type; the type is kept for an empty array's sake.
    case array(MetadataType, [MetadataValue])

    public var type: MetadataType {
        switch self {
        case .uint8: return .uint8
        case .int8: return .int8
        case .uint16: return .uint16
        case .int16: return .int16
        case .uint32: return .uint32
        case .int32: return .int32
        case .float32: return .float32
        case .bool: return .bool
        case .string: return .string
        case .array: return .array
        case .uint64: return .uint64
        case .int64: return .int64
        case .float64: return .float64
        }
    }

    /// Any integer type as `Int`, nil when it does not fit or is no integer.
    public var integer: Int? {
        switch self {
        case .uint8(let value): return Int(value)
        case .int8(let value): return Int(value)
        case .uint16(let value): return Int(value)
        case .int16(let value): return Int(value)
        case .uint32(let value): return Int(value)
        case .int32(let value): return Int(value)
        case .uint64(let value): return Int(exactly: value)
        case .int64(let value): return Int(value)
        default: return nil
        }
    }

    /// Any number as `Double`.
    public var number: Double? {
        switch self {
        case .float32(let value): return Double(value)
        case .float64(let value): return value
        default: return integer.map(Double.init)
        }
    }

    public var string: String? {
        if case .string(let value) = self { return value }
        return nil
    }

    public var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    public var array: [MetadataValue]? {
        if case .array(_, let values) = self { return values }
        return nil
    }
}

/// The type of a metadata value; the raw value is its number in a GGUF file.
public enum MetadataType: UInt32, CaseIterable, Sendable {
    case uint8 = 0, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64
}

/// Keys and typed values in the order of the file; keys are unique.
public struct Metadata: Sendable {
    public private(set) var keys: [String] = []
    private var values: [String: MetadataValue] = [:]

    public init() {}

    public var count: Int { keys.count }
    public var isEmpty: Bool { keys.isEmpty }

    /// Setting a new key appends it; setting nil removes it.
    public subscript(key: String) -> MetadataValue? {
        get { values[key] }
        set {
            if let newValue {
                if values.updateValue(newValue, forKey: key) == nil { keys.append(key) }
            } else if values.removeValue(forKey: key) != nil {
                keys.removeAll { $0 == key }
            }
        }
    }

    /// Removes the entries of all keys of which `isRemoved` is true.
    public mutating func removeAll(where isRemoved: (String) -> Bool) {
        for key in keys where isRemoved(key) { values[key] = nil }
        keys.removeAll { values[$0] == nil }
    }

    public var entries: [(key: String, value: MetadataValue)] {
        keys.compactMap { key in values[key].map { (key, $0) } }
    }
}
