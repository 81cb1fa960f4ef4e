import FormatKit
import ModelGraph
import StrictJSON

/// The chat template of a model's files, as `tokenizer.chat_template`.
enum GGUFChatTemplate {
    static let key = "tokenizer.chat_template"
    private static let listKey = "tokenizer.chat_templates"
    static let fileName = "chat_template.jinja"

    /// The key of the template, and those of named ones beside it; none for a model without.
    ///
    /// - Throws: `FormatError` for a file that is broken.
    static func metadata(of graph: TensorGraph) throws -> [(key: String, value: MetadataValue)] {
        if let file = graph.attachment(fileName), let text = String(validating: file.bytes, as: UTF8.self) { return [(key, .string(text))] }
        for name in ["chat_template.json", "tokenizer_config.json"] {
            guard let file = graph.attachment(name) else { continue }
            let json = try JSONValue(parsing: file.bytes, path: name, object: "")
            if let text = json["chat_template"]?.string { return [(key, .string(text))] }
            if let list = json["chat_template"]?.array { return named(list) }
        }
        return []
    }

    /// Objects with a name and a template: the one called "default" is the template.
    private static func named(_ list: [JSONValue]) -> [(key: String, value: MetadataValue)] {
        var entries: [(key: String, value: MetadataValue)] = []
        var names: [MetadataValue] = []
        for entry in list {
            guard let name = entry["name"]?.string, let text = entry["template"]?.string else { continue }
            if name == "default" {
                entries.append((key, .string(text)))
            } else if !names.contains(.string(name)) {
                entries.append(("\(key).\(name)", .string(text)))
                names.append(.string(name))
            }
        }
        if !names.isEmpty { entries.append((listKey, .array(.string, names))) }
        return entries
    }

    /// The file that the key makes; nil without a template.
    static func file(_ metadata: Metadata) -> Attachment? {
        metadata[key]?.string.map { Attachment(name: fileName, bytes: Array($0.utf8)) }
    }
}
