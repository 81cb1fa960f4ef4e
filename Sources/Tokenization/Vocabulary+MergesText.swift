import StrictJSON

extension Vocabulary {
    /// Reads GPT-2's first files: vocab.json, pieces with their ids, and merges.txt, two pieces a line, best first.
    ///
    /// - Parameter configuration: the bytes of tokenizer_config.json, which names the special tokens.
    /// - Throws: `TokenizationError`.
    public init(vocabularyJSON: [UInt8], mergesText: [UInt8], configuration: [UInt8]? = nil) throws {
        let location = "vocab.json"
        let root = try JSONValue(vocabularyJSON, location: location)
        guard let entries = root.object, !entries.isEmpty, entries.count <= Vocabulary.maximumCount else {
            throw TokenizationError.malformed(location: location, reason: "it is no object of pieces with their ids")
        }
        var pieces = [Piece?](repeating: nil, count: entries.count)
        for (text, value) in entries {
            guard let id = value.int32, pieces.indices.contains(Int(id)), pieces[Int(id)] == nil else {
                throw TokenizationError.malformed(location: location, reason: "\"\(text)\" has no id of its own below \(entries.count)")
            }
            pieces[Int(id)] = Piece(text)
        }
        guard let text = String(validating: mergesText, as: UTF8.self) else {
            throw TokenizationError.malformed(location: "merges.txt", reason: "it is not UTF-8 text")
        }
        let lines = text.split { $0 == "\n" || $0 == "\r\n" }.map(String.init)
        let merges = lines.first?.hasPrefix("#version") == true ? Array(lines.dropFirst()) : lines
        let found = pieces.compactMap { $0 }
        self.init(
            kind: .byteLevelBPE, pieces: found, merges: try Vocabulary.merges(parsing: merges, pieces: found), preTokenizer: .gpt2)
        if let configuration { try apply(TokenizerConfiguration(configuration)) }
        for id in [bosID, eosID, padID].compactMap({ $0 }) { self.pieces[Int(id)].role = .control }
        try checkInvariants()
    }
}
