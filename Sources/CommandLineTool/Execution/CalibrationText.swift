import Calibration
import Glibc
import ModelGraph
import TransformerModel

/// Token sequences from text files, by the tokenizer that travels with a model.
enum CalibrationText {
    /// Most bytes of text: more than any calibration or evaluation set, less than would take all memory.
    static let maximumBytes = 1 << 30

    /// Windows of `windowLength` tokens for a model that predicts the next one; for an encoder each line is a sequence, cut off there.
    ///
    /// - Throws: `FileAccessError`; `CalibrationError.emptyText`; `CommandError` when the model has no tokenizer.
    static func sequences(of path: String, _ graph: TensorGraph, windowLength: Int) throws -> TokenSequences {
        try scored(text(of: path), graph, windowLength: windowLength).sequences
    }

    /// The text of a file.
    ///
    /// - Throws: `FileAccessError`; `CommandError` for text that is too long, not UTF-8 or blank.
    static func text(of path: String) throws -> String {
        let file = try MappedFile(path: path)
        guard file.byteCount <= maximumBytes else {
            throw CommandError(.malformedInput, "\(path): \(file.byteCount) bytes of text, at most \(maximumBytes) are taken")
        }
        guard let text = file.withBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw CommandError(.malformedInput, "\(path): is not UTF-8 text")
        }
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw CommandError(.malformedInput, "\(path): \(CalibrationError.emptyText)")
        }
        return text
    }

    /// Text as token sequences, with what word-level and byte-level perplexities need.
    static func scored(_ text: String, _ graph: TensorGraph, windowLength: Int) throws -> (sequences: TokenSequences, size: TextSize?) {
        let needed = CommandError(
            .unsupported, "the model has no tokenizer.model, tokenizer.json, vocab.json or vocab.txt; --tokens takes token ids")
        if try graph.isEncoder() {
            guard let tokenizer = try graph.sentenceTokenizer() else { throw needed }
            return (TokenSequences(sentences: text, tokenizer, longest: windowLength), nil)
        }
        guard let tokenizer = try graph.tokenizer() else { throw needed }
        let tokens = tokenizer.encode(text)
        let special = tokens.first == tokenizer.vocabulary.bosID && tokenizer.vocabulary.addsBOS ? 1 : 0
        let words = text.split(whereSeparator: \.isWhitespace).count
        let size = TextSize(tokens: tokens.count - special, words: words, bytes: text.utf8.count)
        return (try TokenSequences(stream: tokens, windowLength: windowLength), size)
    }
}

/// How long a text is in three units; what a mean loss a token is turned into one a word or a byte by.
struct TextSize {
    let tokens: Int
    /// Runs of characters that are no white space.
    let words: Int
    let bytes: Int

    /// e to the mean loss a word, of a mean loss a token.
    func wordPerplexity(_ meanLoss: Double) -> Double { exp(meanLoss * Double(tokens) / Double(max(words, 1))) }
    func bytePerplexity(_ meanLoss: Double) -> Double { exp(meanLoss * Double(tokens) / Double(max(bytes, 1))) }
    func bitsPerByte(_ meanLoss: Double) -> Double { meanLoss * Double(tokens) / Double(max(bytes, 1)) / log(2) }
}
