import Architectures
import Calibration
import FormatKit
import ModelGraph
import Models
import TextInput

/// A text as token sequences, by the tokenizer that travels with a model.
struct TokenisedText {
    /// Windows of tokens for a model that predicts the next one; of an encoder each line is a sequence, cut off where it is too long.
    let sequences: TokenSequences
    /// What word-level and byte-level perplexities need; nil for encoders.
    let size: TextSize?

    /// Of the files that the text came from.
    let digest: String

    /// Tokens in a window: what was asked for, otherwise the model's context, at most 2048.
    static func windowLength(_ asked: Int?, _ configuration: ModelConfiguration) -> Int { asked ?? min(configuration.contextLength, 2048) }

    /// - Parameter specialTokens: what the spelling of a control token in the text is.
    /// - Throws: `FileAccessError`; `FormatError` for what is no text; `CalibrationError.emptyText`; `RequestError` when the model has no
    ///   tokenizer.
    init(
        _ source: TextSource, _ model: Model, windowLength: Int, specialTokens: SpecialTokens = .asTokens, _ context: RequestContext
    ) throws {
        let documents = try TextDocuments(source)
        let text = try TokenisedText.text(of: documents, source, model)
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw RequestError(.malformedInput, "\(source.paths.joined(separator: ", ")): \(CalibrationError.emptyText)")
        }
        try context.warnOfTokenizer(model)
        digest = documents.digest
        (sequences, size) = try TokenisedText.tokens(text, model, windowLength, specialTokens)
    }

    /// A text that lies in no file.
    init(text: String, _ model: Model, windowLength: Int) throws {
        digest = Array(text.utf8).withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
        (sequences, size) = try TokenisedText.tokens(text, model, windowLength, .asText)
    }

    /// The text of one file, whatever its name.
    ///
    /// - Throws: `FileAccessError`; `FormatError` for what is no text.
    static func plainText(of path: String) throws -> String { try TextDocuments.plainText(of: path) }

    /// The text of some places, with a blank line between documents; conversations by the model's chat template.
    ///
    /// - Throws: `FileAccessError`; `FormatError` for what is no text; `RequestError` for conversations without a template.
    static func text(of source: TextSource, _ model: Model) throws -> String { try text(of: TextDocuments(source), source, model) }

    private static func text(of documents: TextDocuments, _ source: TextSource, _ model: Model) throws -> String {
        try documents.documents.map { document in
            switch document {
            case .text(let text): return text
            case .messages(let messages):
                guard let chat = try model.chat() else {
                    throw RequestError(
                        .unsupported, "\(source.paths.joined(separator: ", ")): has conversations, and the model no chat template")
                }
                return try chat.text(messages, addsGenerationPrompt: false)
            }
        }.joined(separator: "\n\n")
    }

    private static func tokens(
        _ text: String, _ model: Model, _ windowLength: Int, _ specialTokens: SpecialTokens
    ) throws -> (TokenSequences, TextSize?) {
        let needed = RequestError(
            .unsupported, "the model has no tokenizer.model, tokenizer.json, vocab.json or vocab.txt", remedy: .giveTokens)
        if model.isEncoder {
            guard let tokenizer = try model.sentenceTokenizer() else { throw needed }
            return (TokenSequences(sentences: text, tokenizer, longest: windowLength), nil)
        }
        guard let tokenizer = try model.tokenizer() else { throw needed }
        var tokens = tokenizer.encode(text, parseSpecial: specialTokens == .asTokens)
        let vocabulary = tokenizer.vocabulary
        // A chat template has written the token that begins a text already.
        if vocabulary.addsBOS, tokens.count > 1, tokens[0] == vocabulary.bosID, tokens[1] == vocabulary.bosID { tokens.removeFirst() }
        let first = tokens.first == vocabulary.bosID && vocabulary.addsBOS ? 1 : 0
        let special = tokens.dropFirst(first).count { [.control, .unknown].contains(vocabulary.pieces[Int($0)].role) }
        let words = text.split(whereSeparator: \.isWhitespace).count
        let size = TextSize(tokens: tokens.count - first, words: words, bytes: text.utf8.count, specialTokens: special)
        return (try TokenSequences(stream: tokens, windowLength: windowLength), size)
    }
}

/// What the spelling of a control token (`<|im_start|>`) in a text is.
public enum SpecialTokens: String, Sendable, CaseIterable {
    /// The token, as transformers and lm-eval take it.
    case asTokens = "tokens"
    /// Characters like all others, as llama-perplexity takes them.
    case asText = "text"
}
