extension Vocabulary {
    /// Where the pieces of a tokenizer.model differ from these, of a tokenizer.json beside it; nil where they agree, or the file is of a kind that
    /// is not known. Tokens that other files put in the place of pieces are left aside.
    public func disagreement(sentencePieceModel bytes: [UInt8]) -> String? {
        guard let other = try? SentencePieceModel(bytes) else { return nil }
        for (id, (own, theirs)) in zip(pieces, other.pieces).enumerated() where [.normal, .byte].contains(own.role) {
            guard own.text.utf8.elementsEqual(theirs.text.utf8) else {
                return
                    "token \(id) is '\(own.text)' in tokenizer.json, which transformers takes, and '\(theirs.text)' in tokenizer.model, which "
                    + "llama.cpp takes"
            }
        }
        return other.pieces.count > pieces.count
            ? "tokenizer.json, which transformers takes, has \(pieces.count) tokens, and tokenizer.model, which llama.cpp takes, "
                + "\(other.pieces.count)" : nil
    }
}
