import StrictJSON

extension TokenizerJSONReader {
    struct AddedToken {
        let id: Int32
        let piece: Piece
    }

    /// The pieces by id: model.vocab, added tokens over it, and unused pieces for ids that nothing has.
    func pieces(_ isByteLevel: Bool) throws -> [Piece] {
        guard let entries = model["vocab"]?.object else {
            throw TokenizerJSONReader.malformed("model.vocab", "it is missing or no object")
        }
        let added = try addedTokens()
        let limit = min(Vocabulary.maximumCount, 2 * (entries.count + added.count) + 65536)
        var pieces: [Piece?] = Array(repeating: nil, count: entries.count)
        func enter(_ piece: Piece, _ id: Int32, _ place: String) throws {
            guard id >= 0, id < limit else {
                throw TokenizerJSONReader.malformed(place, "id \(id) is outside 0 ..< \(limit)")
            }
            if Int(id) >= pieces.count { pieces += Array(repeating: nil, count: Int(id) + 1 - pieces.count) }
            if let other = pieces[Int(id)], !other.text.utf8.elementsEqual(piece.text.utf8) {
                throw TokenizerJSONReader.malformed(place, "id \(id) belongs to \"\(other.text)\" already")
            }
            pieces[Int(id)] = piece
        }
        for (text, value) in entries {
            guard let id = value.int32 else {
                throw TokenizerJSONReader.malformed("model.vocab", "\"\(text)\" has no integer id")
            }
            let isByte = !isByteLevel && Piece.byteValue(of: text) != nil
            try enter(Piece(text, role: isByte ? .byte : .normal), id, "model.vocab")
        }
        for (i, token) in added.enumerated() { try enter(token.piece, token.id, "added_tokens[\(i)]") }
        guard !pieces.isEmpty else { throw TokenizerJSONReader.malformed("model.vocab", "it is empty") }
        return pieces.enumerated().map { id, piece in piece ?? Piece("[PAD\(id)]", role: .unused) }
    }

    /// The tokens beside the model's own.
    func addedTokens() throws -> [AddedToken] {
        guard let items = root["added_tokens"] else { return [] }
        guard let items = items.array else { throw TokenizerJSONReader.malformed("added_tokens", "it is no array") }
        return try items.enumerated().map { i, item in
            let place = "added_tokens[\(i)]"
            guard let id = item["id"]?.int32, let text = item["content"]?.string, !text.isEmpty else {
                throw TokenizerJSONReader.malformed(place, "id or content is missing")
            }
            var stripping: Piece.Stripping = []
            if item["lstrip"]?.bool == true { stripping.insert(.before) }
            if item["rstrip"]?.bool == true { stripping.insert(.after) }
            let isSpecial = item["special"]?.bool == true
            var matching: Piece.Matching = item["single_word"]?.bool == true ? .wholeWord : []
            if item["normalized"]?.bool == true { matching.insert(.normalized) }
            let role: Piece.Role = isSpecial ? .control : .userDefined
            return AddedToken(id: id, piece: Piece(text, role: role, stripping: stripping, matching: matching))
        }
    }

    /// model.merges in either spelling: `"a b"` or `["a", "b"]`.
    func merges(_ table: PieceTable) throws -> [Vocabulary.Merge] {
        guard let items = model["merges"]?.array else {
            throw TokenizerJSONReader.malformed("model.merges", "it is missing or no array")
        }
        return try items.enumerated().map { rank, item in
            let location = "\(TokenizerJSONReader.location): model.merges[\(rank)]"
            if let line = item.string {
                return try Vocabulary.merge(parsing: line, table: table, location: location)
            }
            guard let halves = item.array, halves.count == 2, let left = halves[0].string, let right = halves[1].string else {
                throw TokenizationError.malformed(location: location, reason: "it is no pair of pieces")
            }
            return try Vocabulary.merge(
                left: Array(left.utf8)[...], right: Array(right.utf8)[...], table: table, location: location)
        }
    }
}
