extension Vocabulary {
    /// What a decoder's tokenizer is made of, by the files that travel with a model.
    public struct Files: Sendable {
        private let bytes: @Sendable (String) -> [UInt8]?

        /// - Parameter bytes: the contents of the file of a name; nil where there is none.
        public init(_ bytes: @escaping @Sendable (String) -> [UInt8]?) { self.bytes = bytes }

        subscript(name: String) -> [UInt8]? { bytes(name) }
    }

    /// Which of the files that both describe a tokenizer is taken.
    public enum Preference: Sendable {
        /// tokenizer.json: what transformers reads.
        case fast
        /// tokenizer.model: what SentencePiece and llama.cpp read.
        case sentencePiece
    }

    /// The vocabulary of a decoder: tokenizer.json, tokenizer.model or GPT-2's vocab.json and merges.txt, with the tokens that any of the other
    /// files add.
    ///
    /// - Returns: nil when the model has none of them.
    /// - Throws: `TokenizationError` for a file that is malformed or of a kind that is not supported.
    public static func ofDecoder(_ files: Files, preferring preference: Preference) throws -> Vocabulary? {
        let configuration = files["tokenizer_config.json"]
        let (json, model) = (files["tokenizer.json"], files["tokenizer.model"])
        if let model, preference == .sentencePiece || json == nil {
            let added = try AddedTokens(tokenizerJSON: json, addedTokensJSON: files["added_tokens.json"])
            return try Vocabulary(sentencePieceModel: model, configuration: configuration, added: added)
        }
        if let json { return try Vocabulary(tokenizerJSON: json, configuration: configuration) }
        if let pieces = files["vocab.json"], let merges = files["merges.txt"] {
            var vocabulary = try Vocabulary(vocabularyJSON: pieces, mergesText: merges, configuration: configuration)
            if let added = files["added_tokens.json"] { vocabulary.add(try AddedTokens(addedTokensJSON: added)) }
            try vocabulary.checkInvariants()
            return vocabulary
        }
        return nil
    }
}
