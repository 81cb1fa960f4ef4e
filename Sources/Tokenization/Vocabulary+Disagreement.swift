extension Vocabulary {
    /// Where tokenizer.json and tokenizer.model of one model have different pieces; nil where they agree, one of them is not there or is of a
    /// kind that is not known.
    public static func disagreement(_ files: Files) -> String? {
        guard files["tokenizer.json"] != nil, files["tokenizer.model"] != nil,
            let fast = try? Vocabulary.ofDecoder(files, preferring: .fast),
            let slow = try? Vocabulary.ofDecoder(files, preferring: .sentencePiece)
        else { return nil }
        if let id = zip(fast.pieces, slow.pieces).enumerated().first(where: { !$1.0.text.utf8.elementsEqual($1.1.text.utf8) })?.offset {
            return "token \(id) is '\(fast.pieces[id].text)' in tokenizer.json and '\(slow.pieces[id].text)' in tokenizer.model"
        }
        guard fast.count == slow.count else {
            return "tokenizer.json has \(fast.count) tokens and tokenizer.model \(slow.count), those that other files add among them"
        }
        return nil
    }
}
