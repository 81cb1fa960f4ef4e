import Architectures
import Calibration
import ModelGraph
import Models

/// A text as token sequences, by the tokenizer that travels with a model.
struct TokenisedText {
    /// Windows of tokens for a model that predicts the next one; of an encoder each line is a sequence, cut off where it is too long.
    let sequences: TokenSequences
    /// What word-level and byte-level perplexities need; nil for encoders.
    let size: TextSize?

    /// Most bytes of text: more than any calibration or evaluation set, less than would take all memory.
    static let maximumBytes = 1 << 30

    /// Tokens in a window: what was asked for, otherwise the model's context, at most 2048.
    static func windowLength(_ asked: Int?, _ configuration: ModelConfiguration) -> Int { asked ?? min(configuration.contextLength, 2048) }

    /// - Throws: `FileAccessError`; `CalibrationError.emptyText`; `RequestError` when the model has no tokenizer.
    init(file path: String, _ model: Model, windowLength: Int) throws {
        try self.init(TokenisedText.text(of: path), model, windowLength: windowLength)
    }

    /// The text of a file.
    ///
    /// - Throws: `FileAccessError`; `RequestError` for text that is too long, not UTF-8 or blank.
    static func text(of path: String) throws -> String {
        let file = try MappedFile(path: path)
        guard file.byteCount <= maximumBytes else {
            throw RequestError(.malformedInput, "\(path): \(file.byteCount) bytes of text, at most \(maximumBytes) are taken")
        }
        guard let text = file.withBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw RequestError(.malformedInput, "\(path): is not UTF-8 text")
        }
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw RequestError(.malformedInput, "\(path): \(CalibrationError.emptyText)")
        }
        return text
    }

    init(_ text: String, _ model: Model, windowLength: Int) throws {
        let needed = RequestError(
            .unsupported, "the model has no tokenizer.model, tokenizer.json, vocab.json or vocab.txt", remedy: .giveTokens)
        if model.isEncoder {
            guard let tokenizer = try model.sentenceTokenizer() else { throw needed }
            (sequences, size) = (TokenSequences(sentences: text, tokenizer, longest: windowLength), nil)
            return
        }
        guard let tokenizer = try model.tokenizer() else { throw needed }
        let tokens = tokenizer.encode(text)
        let special = tokens.first == tokenizer.vocabulary.bosID && tokenizer.vocabulary.addsBOS ? 1 : 0
        let words = text.split(whereSeparator: \.isWhitespace).count
        size = TextSize(tokens: tokens.count - special, words: words, bytes: text.utf8.count)
        sequences = try TokenSequences(stream: tokens, windowLength: windowLength)
    }
}
