import FormatKit
import ModelGraph
import StrictJSON

/// Typed metadata values in JSON, exact: `{"uint64":"7"}`, `{"float32":"0.1"}`, `{"array":[{"string":"a"}]}`.
///
/// Numbers are strings, which no JSON reader rounds. A finite float is the shortest decimal that reads back as the same bits;
/// other floats are their bits, `0x7fc00000`. An empty array is the name of its type, `{"array":"uint32"}`.
enum MetadataText {
    private static let names: [MetadataType: String] = [
        .uint8: "uint8", .int8: "int8", .uint16: "uint16", .int16: "int16", .uint32: "uint32", .int32: "int32", .uint64: "uint64",
        .int64: "int64", .float32: "float32", .float64: "float64", .bool: "bool", .string: "string", .array: "array",
    ]
    private static let types = Dictionary(uniqueKeysWithValues: names.map { ($1, $0) })

    static func name(_ type: MetadataType) -> String { names[type] ?? "" }
    static func type(_ name: String) -> MetadataType? { types[name] }

    static func text(_ value: MetadataValue) -> String { JSONText.object([(name(value.type), content(value))]) }

    private static func content(_ value: MetadataValue) -> String {
        switch value {
        case .string(let text): return JSONText.quoted(text)
        case .bool(let flag): return flag ? "true" : "false"
        case .array(let type, let values):
            return values.isEmpty ? JSONText.quoted(name(type)) : JSONText.array(values.map(text))
        case .float32(let number):
            return JSONText.quoted(number.isFinite ? "\(number)" : "0x" + String(number.bitPattern, radix: 16))
        case .float64(let number):
            return JSONText.quoted(number.isFinite ? "\(number)" : "0x" + String(number.bitPattern, radix: 16))
        case .uint8(let n): return "\"\(n)\""
        case .int8(let n): return "\"\(n)\""
        case .uint16(let n): return "\"\(n)\""
        case .int16(let n): return "\"\(n)\""
        case .uint32(let n): return "\"\(n)\""
        case .int32(let n): return "\"\(n)\""
        case .uint64(let n): return "\"\(n)\""
        case .int64(let n): return "\"\(n)\""
        }
    }

    /// Nil for what is no typed value.
    static func value(_ json: JSONValue) -> MetadataValue? {
        guard let members = json.object, members.count == 1, let (name, content) = members.first, let type = types[name] else { return nil }
        switch type {
        case .string: return content.string.map(MetadataValue.string)
        case .bool: return content.bool.map(MetadataValue.bool)
        case .array:
            if let element = content.string { return types[element].map { .array($0, []) } }
            guard let list = content.array, !list.isEmpty else { return nil }
            let values = list.compactMap(value)
            guard values.count == list.count, let first = values.first, values.allSatisfy({ $0.type == first.type }) else { return nil }
            return .array(first.type, values)
        default: return content.string.flatMap { number($0, type) }
        }
    }

    private static func number(_ text: String, _ type: MetadataType) -> MetadataValue? {
        switch type {
        case .uint8: return UInt8(text).map(MetadataValue.uint8)
        case .int8: return Int8(text).map(MetadataValue.int8)
        case .uint16: return UInt16(text).map(MetadataValue.uint16)
        case .int16: return Int16(text).map(MetadataValue.int16)
        case .uint32: return UInt32(text).map(MetadataValue.uint32)
        case .int32: return Int32(text).map(MetadataValue.int32)
        case .uint64: return UInt64(text).map(MetadataValue.uint64)
        case .int64: return Int64(text).map(MetadataValue.int64)
        case .float32: return bits(text, UInt32.self).map { .float32(Float(bitPattern: $0)) } ?? finite(Float(text)).map { .float32($0) }
        case .float64: return bits(text, UInt64.self).map { .float64(Double(bitPattern: $0)) } ?? finite(Double(text)).map { .float64($0) }
        default: return nil
        }
    }

    private static func bits<Word: FixedWidthInteger>(_ text: String, _ type: Word.Type) -> Word? {
        text.hasPrefix("0x") ? Word(text.dropFirst(2), radix: 16) : nil
    }

    private static func finite<Number: BinaryFloatingPoint>(_ number: Number?) -> Number? {
        number.flatMap { $0.isFinite ? $0 : nil }
    }
}
