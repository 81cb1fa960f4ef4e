import Architectures
import ModelGraph
import Tokenization

extension TensorGraph {
    /// Whether the model is a known encoder: one that embeds sentences.
    public func isEncoder() throws -> Bool { try configuration()?.design.isCausal == false }

    /// The tokenizer that travels with an encoder: tokenizer.json, otherwise DeBERTa's spm.model or BERT's vocab.txt.
    ///
    /// - Returns: nil when the model has none of them.
    /// - Throws: `TokenizationError` when the file is malformed or of a kind that is not supported.
    public func sentenceTokenizer() throws -> (any SentenceTokenizer)? {
        if let json = attachment("tokenizer.json") {
            if UnigramTokenizer.isModel(ofTokenizerJSON: json.bytes) { return try UnigramTokenizer(tokenizerJSON: json.bytes) }
            return try WordPieceTokenizer(tokenizerJSON: json.bytes)
        }
        if let model = attachment("spm.model") {
            return try UnigramTokenizer(sentencePieceModel: model.bytes, around: ("[CLS]", "[SEP]"), added: ["[MASK]"])
        }
        return try attachment("vocab.txt").map {
            try WordPieceTokenizer(vocabularyText: $0.bytes, configuration: attachment("tokenizer_config.json")?.bytes)
        }
    }

    /// The tokenizer that travels with a decoder: tokenizer.model if it is there, otherwise tokenizer.json, otherwise
    /// GPT-2's vocab.json and merges.txt.
    ///
    /// tokenizer.model comes first because it is what SentencePiece and llama.cpp read; the two can differ on text that begins with
    /// a space.
    /// - Returns: nil when the model has none of them.
    /// - Throws: `TokenizationError` when the file is malformed or of a kind that is not supported.
    public func tokenizer() throws -> Tokenizer? {
        let configuration = attachment("tokenizer_config.json")?.bytes
        if let model = attachment("tokenizer.model") {
            return try Tokenizer(Vocabulary(sentencePieceModel: model.bytes, configuration: configuration))
        }
        if let json = attachment("tokenizer.json") {
            return try Tokenizer(Vocabulary(tokenizerJSON: json.bytes, configuration: configuration))
        }
        if let pieces = attachment("vocab.json"), let merges = attachment("merges.txt") {
            return try Tokenizer(
                Vocabulary(vocabularyJSON: pieces.bytes, mergesText: merges.bytes, configuration: configuration))
        }
        return nil
    }
}
