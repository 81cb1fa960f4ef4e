import ModelGraph
import StrictJSON

/// What a graph says beside its tensors' bytes, as JSON, for formats that have no typed metadata of their own.
///
/// An object with `version` 1 and, each only where it says something, `metadata` (an array of [key, value]), `ties` (an array
/// of [name, target]) and `tensors` (an array of [name, dtype] in the graph's order). A value is an object of one member, its
/// type: `{"uint32":"7"}`, `{"bool":true}`, `{"array":["string",["a","b"]]}`; numbers are strings, so that 64 bits survive any
/// JSON reader.
public struct GraphDocument: Sendable {
    /// The plain member or file that holds the document.
    public static let fileName = "caplet.json"
    private static let typeNames: [(MetadataType, String)] = [
        (.uint8, "uint8"), (.int8, "int8"), (.uint16, "uint16"), (.int16, "int16"), (.uint32, "uint32"), (.int32, "int32"),
        (.float32, "float32"), (.bool, "bool"), (.string, "string"), (.array, "array"), (.uint64, "uint64"),
        (.int64, "int64"), (.float64, "float64"),
    ]

    public var metadata = Metadata()
    public var ties: [Tie] = []
    public var tensors: [(name: String, dtype: DType)] = []

    public init() {}

    public var isEmpty: Bool { metadata.isEmpty && ties.isEmpty && tensors.isEmpty }

    /// The document's text.
    public var text: String {
        var members: [(key: String, text: String)] = [("version", "1")]
        if !metadata.isEmpty {
            let entries = metadata.entries.map { JSONText.array([JSONText.quoted($0.key), GraphDocument.text($0.value)]) }
            members.append(("metadata", JSONText.array(entries)))
        }
        if !ties.isEmpty {
            let pairs = ties.map { JSONText.array([JSONText.quoted($0.name), JSONText.quoted($0.target)]) }
            members.append(("ties", JSONText.array(pairs)))
        }
        if !tensors.isEmpty {
            let pairs = tensors.map { JSONText.array([JSONText.quoted($0.name), JSONText.quoted($0.dtype.rawValue)]) }
            members.append(("tensors", JSONText.array(pairs)))
        }
        return JSONText.object(members)
    }

    /// - Throws: `FormatError.malformed` for anything but a document as described, `.unsupported` for another version.
    public init<Bytes: Collection>(parsing bytes: Bytes, path: String, object: String) throws where Bytes.Element == UInt8 {
        func malformed(_ message: String) -> FormatError { .malformed(path, object, message) }
        func pairs(_ value: JSONValue, _ member: String) throws -> [(String, JSONValue)] {
            guard let list = value.array else { throw malformed("'\(member)' is no array") }
            return try list.map { entry in
                guard let pair = entry.array, pair.count == 2, let key = pair[0].string else {
                    throw malformed("'\(member)' has an entry that is no pair")
                }
                return (key, pair[1])
            }
        }
        let members = try JSONValue.members(parsing: bytes, path: path, object: object)
        guard let version = members.first(where: { $0.key == "version" })?.value.integer else { throw malformed("has no version") }
        guard version == 1 else { throw FormatError.unsupported(path, object, "version \(version); 1 is what can be read") }
        for (member, value) in members where member != "version" {
            switch member {
            case "metadata":
                for (key, value) in try pairs(value, member) {
                    guard let typed = GraphDocument.value(value), metadata[key] == nil else {
                        throw malformed("metadata key '\(key)' has no typed value, or two")
                    }
                    metadata[key] = typed
                }
            case "ties":
                for (name, target) in try pairs(value, member) {
                    guard let target = target.string else { throw malformed("the tie of '\(name)' has no target") }
                    ties.append(Tie(name: name, target: target))
                }
            case "tensors":
                for (name, dtype) in try pairs(value, member) {
                    guard let dtype = dtype.string.flatMap(DType.init(rawValue:)) else {
                        throw malformed("tensor '\(name)' has no known dtype")
                    }
                    tensors.append((name, dtype))
                }
            default: throw malformed("has the unknown member '\(member)'")
            }
        }
    }

    private static func name(_ type: MetadataType) -> String { typeNames.first { $0.0 == type }?.1 ?? "" }

    private static func text(_ value: MetadataValue) -> String { JSONText.object([(name(value.type), content(value))]) }

    private static func content(_ value: MetadataValue) -> String {
        switch value {
        case .string(let text): return JSONText.quoted(text)
        case .bool(let flag): return flag ? "true" : "false"
        case .float32(let number): return "\"\(number)\""
        case .float64(let number): return "\"\(number)\""
        case .array(let type, let values):
            return JSONText.array([JSONText.quoted(name(type)), JSONText.array(values.map(content))])
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

    private static func type(_ name: String) -> MetadataType? { typeNames.first { $0.1 == name }?.0 }

    /// Nil for what is no typed value.
    private static func value(_ json: JSONValue) -> MetadataValue? {
        guard let members = json.object, members.count == 1, let member = members.first, let type = type(member.key) else { return nil }
        return value(member.value, type)
    }

    private static func value(_ content: JSONValue, _ type: MetadataType) -> MetadataValue? {
        switch type {
        case .string: return content.string.map(MetadataValue.string)
        case .bool: return content.bool.map(MetadataValue.bool)
        case .array:
            guard let pair = content.array, pair.count == 2, let element = pair[0].string.flatMap(GraphDocument.type),
                let list = pair[1].array
            else { return nil }
            let values = list.compactMap { value($0, element) }
            return values.count == list.count ? .array(element, values) : nil
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
        case .float32: return Float(text).map(MetadataValue.float32)
        case .float64: return Double(text).map(MetadataValue.float64)
        default: return nil
        }
    }
}
