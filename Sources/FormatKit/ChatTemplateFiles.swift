import ModelGraph
import StrictJSON

/// The chat templates among a model's files, where transformers looks for them: in a file of their own, in that of a processor, in the
/// tokenizer's configuration.
public struct ChatTemplateFiles: Sendable {
    public static let fileName = "chat_template.jinja"

    /// The template that is used where none is named; nil for a model without.
    public private(set) var usual: String?
    /// Others by their names, in order.
    public private(set) var named: [(name: String, text: String)] = []

    /// - Throws: `FormatError.malformed` for a file that is no text or no JSON.
    public init(_ files: [Attachment]) throws {
        func file(_ name: String) -> Attachment? { files.first { $0.name == name } }
        if let own = file(ChatTemplateFiles.fileName) {
            guard let text = String(validating: own.bytes, as: UTF8.self) else {
                throw FormatError.malformed(own.name, "", "is not UTF-8 text")
            }
            usual = text
            return
        }
        for other in ["chat_template.json", "tokenizer_config.json"].compactMap(file) {
            let value = try JSONValue(parsing: other.bytes, path: other.name, object: "")["chat_template"]
            if let text = value?.string {
                usual = text
                return
            }
            guard let list = value?.array else { continue }
            for entry in list {
                guard let name = entry["name"]?.string, let text = entry["template"]?.string else { continue }
                if name == "default" {
                    usual = text
                } else if !named.contains(where: { $0.name == name }) {
                    named.append((name, text))
                }
            }
            return
        }
    }
}
