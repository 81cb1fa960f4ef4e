extension Vocabulary {
    /// The value of `tokenizer.ggml.pre` under which llama.cpp gives this vocabulary's ids; nil where there is none.
    public var ggufPreTokenizerName: String? {
        guard let preTokenizer else { return nil }
        if let name = preTokenizer.ggufName { return name }
        // Digits that no piece joins need not be cut apart.
        guard preTokenizer == .punctuationThenDigits, !hasPieceJoiningDigits else { return nil }
        return "falcon"
    }

    private var hasPieceJoiningDigits: Bool {
        let digits: [Unicode.GeneralCategory] = [.decimalNumber, .letterNumber, .otherNumber]
        return pieces.contains { piece in
            let characters = piece.text.unicodeScalars
            return piece.role == .normal && characters.count > 1 && characters.contains { digits.contains($0.properties.generalCategory) }
        }
    }
}
