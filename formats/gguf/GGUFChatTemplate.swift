import FormatKit
import ModelGraph

/// The chat templates of a model's files, as `tokenizer.chat_template`.
enum GGUFChatTemplate {
    private static let key = "tokenizer.chat_template"
    private static let listKey = "tokenizer.chat_templates"

    /// The key of the template, and those of named ones beside it; none for a model without.
    ///
    /// - Throws: `FormatError` for a file that is broken.
    static func metadata(of graph: TensorGraph) throws -> [(key: String, value: MetadataValue)] {
        let files = try ChatTemplateFiles(graph.attachments)
        var entries = files.usual.map { [(key: key, value: MetadataValue.string($0))] } ?? []
        for (name, text) in files.named { entries.append(("\(key).\(name)", .string(text))) }
        if !files.named.isEmpty { entries.append((listKey, .array(.string, files.named.map { .string($0.name) }))) }
        return entries
    }

    /// The file that the key makes; nil without a template.
    static func file(_ metadata: Metadata) -> Attachment? {
        metadata[key]?.string.map { Attachment(name: ChatTemplateFiles.fileName, bytes: Array($0.utf8)) }
    }
}
