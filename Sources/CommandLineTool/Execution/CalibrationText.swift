import Calibration
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
        let needed = CommandError(
            .unsupported, "the model has no tokenizer.model, tokenizer.json, vocab.json or vocab.txt; --tokens takes token ids")
        if try graph.isEncoder() {
            guard let tokenizer = try graph.sentenceTokenizer() else { throw needed }
            return TokenSequences(sentences: text, tokenizer, longest: windowLength)
        }
        guard let tokenizer = try graph.tokenizer() else { throw needed }
        return try TokenSequences(stream: tokenizer.encode(text), windowLength: windowLength)
    }
}
