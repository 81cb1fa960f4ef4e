import ChatTemplates
import FormatKit
import ModelGraph
import StrictJSON
import Tokenization

/// Conversations as the text that a model was made for: by the chat template among its files.
public struct ModelChat: Sendable {
    private let template: ChatTemplate
    /// What templates read by name: the spellings of special tokens.
    private let variables: [String: JSONValue]

    /// Nil for a model without a template.
    ///
    /// - Throws: `ChatTemplateError` for a template that cannot be rendered; `FormatError` for files that are broken.
    init?(_ files: [Attachment], _ tokenizer: Tokenizer?) throws {
        guard let source = try ChatTemplateFiles(files).usual else { return nil }
        template = try ChatTemplate(source)
        var variables: [String: JSONValue] = [:]
        if let file = files.first(where: { $0.name == "tokenizer_config.json" }) {
            let json = try JSONValue(parsing: file.bytes, path: file.name, object: "")
            for (key, value) in json.object ?? JSONObject([]) where key.hasSuffix("_token") {
                if let text = value.string ?? value["content"]?.string { variables[key] = .string(text) }
            }
        }
        if let vocabulary = tokenizer?.vocabulary {
            for (key, id) in [("bos_token", vocabulary.bosID), ("eos_token", vocabulary.eosID), ("unk_token", vocabulary.unknownID)] {
                if let id, variables[key] == nil { variables[key] = .string(vocabulary.pieces[Int(id)].text) }
            }
        }
        self.variables = variables
    }

    /// The text of a conversation.
    ///
    /// - Parameters:
    ///   - messages: objects with "role" and "content".
    ///   - addsGenerationPrompt: whether it ends with what begins an answer.
    /// - Throws: `ChatTemplateError`.
    public func text(_ messages: [JSONValue], tools: JSONValue? = nil, addsGenerationPrompt: Bool) throws -> String {
        try template.render(messages: messages, tools: tools, addGenerationPrompt: addsGenerationPrompt, variables: variables)
    }
}
