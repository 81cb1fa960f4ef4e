import Caplet
import StrictJSON

/// Metadata values as one line, and as JSON.
enum MetadataText {
    private static let shownElements = 6
    private static let shownCharacters = 200

    /// The value with its type; long arrays and strings cut short.
    static func line(_ value: MetadataValue) -> String {
        guard case .array(let type, let values) = value else { return short(value) }
        let shown = values.prefix(shownElements).map(short).joined(separator: ", ")
        let rest = values.count > shownElements ? ", … \(NumberText.grouped(values.count)) in all" : ""
        return "\(type)[\(shown)\(rest)]"
    }

    private static func short(_ value: MetadataValue) -> String {
        switch value {
        case .string(let text):
            let quoted = JSONText.quoted(text)
            return quoted.count <= shownCharacters ? quoted : "\(quoted.prefix(shownCharacters))… \(text.count) characters in all"
        case .array(let type, let values): return "\(type)[\(values.count)]"
        default: return plain(value)
        }
    }

    private static func plain(_ value: MetadataValue) -> String {
        if case .bool(let flag) = value { return "\(flag)" }
        if case .float32(let number) = value { return "\(number)" }
        if case .float64(let number) = value { return "\(number)" }
        if case .uint64(let number) = value { return "\(number)" }
        return value.integer.map(String.init) ?? ""
    }
}

/// A metadata value as JSON of the nearest type.
struct EncodableMetadata: Encodable {
    let value: MetadataValue

    func encode(to encoder: any Encoder) throws {
        var single = encoder.singleValueContainer()
        switch value {
        case .string(let text): try single.encode(text)
        case .bool(let flag): try single.encode(flag)
        case .float32(let number): try single.encode(number)
        case .float64(let number): try single.encode(number)
        case .uint64(let number): try single.encode(number)
        case .array(_, let values): try single.encode(values.map(EncodableMetadata.init))
        default: try single.encode(value.integer)
        }
    }
}
