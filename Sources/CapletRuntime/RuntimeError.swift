/// Why a model that was opened does not generate.
public enum RuntimeError: Error, CustomStringConvertible {
    case noTokenizer
    case noChatTemplate
    case emptyPrompt
    case promptTooLong(tokens: Int, context: Int)
    case contextTooLong(Int, limit: Int)
    case badOption(String)

    /// One line.
    public var description: String {
        switch self {
        case .noTokenizer: return "the model has no tokenizer.model, tokenizer.json, or vocab.json with merges.txt"
        case .noChatTemplate: return "the model has no chat template (chat_template.jinja, or in tokenizer_config.json)"
        case .emptyPrompt: return "the prompt has no tokens, and the tokenizer puts none before it"
        case .promptTooLong(let tokens, let context):
            return "the prompt has \(tokens) tokens, and a context of \(context) has to hold them and the answer"
        case .contextTooLong(let context, let limit): return "a context of \(context) tokens is beyond the model's \(limit)"
        case .badOption(let reason): return reason
        }
    }
}
