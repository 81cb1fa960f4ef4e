extension Vocabulary {
    /// The most pieces a vocabulary may have.
    public static let maximumCount = 1 << 24

    /// Checks that ids lie inside the vocabulary, scores are numbers, normal pieces differ and merges give pieces.
    ///
    /// - Throws: `TokenizationError.inconsistent` naming the first fault.
    public func checkInvariants() throws {
        func fail(_ place: String, _ reason: String) -> TokenizationError {
            .inconsistent(location: "vocabulary: \(place)", reason: reason)
        }
        guard !pieces.isEmpty, pieces.count <= Vocabulary.maximumCount else {
            throw fail("size", "\(pieces.count) pieces, 1 to \(Vocabulary.maximumCount) are allowed")
        }
        for (name, id) in [("bos", bosID), ("eos", eosID), ("unknown", unknownID), ("pad", padID)] {
            if let id, !pieces.indices.contains(Int(id)) {
                throw fail("\(name) id", "\(id) is outside the \(pieces.count) pieces")
            }
        }
        for (id, piece) in pieces.enumerated() {
            if piece.score.isNaN { throw fail("piece \(id)", "its score is not a number") }
            if piece.role == .byte, piece.byteValue == nil {
                throw fail("piece \(id)", "\"\(piece.text)\" is a byte piece but not spelled <0xHH>")
            }
        }
        if addsBOS, bosID == nil { throw fail("bos id", "BOS is to be added but has no id") }
        if addsEOS, eosID == nil { throw fail("eos id", "EOS is to be added but has no id") }
        let table = PieceTable(pieces) { $0.role == .normal }
        if let (first, second) = table.duplicate {
            throw fail("piece \(second)", "\"\(pieces[Int(second)].text)\" is piece \(first) already")
        }
        if kind == .byteLevelBPE, preTokenizer == nil {
            throw fail("pre-tokenizer", "a byte-level vocabulary needs one")
        }
        _ = try mergeResults()
    }

    /// The ids of the pieces that the merges give, rank by rank.
    func mergeResults() throws -> [Int32] {
        let table = PieceTable(pieces) { _ in true }
        var joint: [UInt8] = []
        return try merges.enumerated().map { rank, merge in
            guard pieces.indices.contains(Int(merge.left)), pieces.indices.contains(Int(merge.right)) else {
                throw TokenizationError.inconsistent(
                    location: "vocabulary: merge \(rank)",
                    reason: "\(merge.left) + \(merge.right) is outside the \(pieces.count) pieces")
            }
            joint.removeAll(keepingCapacity: true)
            joint.append(contentsOf: pieces[Int(merge.left)].text.utf8)
            joint.append(contentsOf: pieces[Int(merge.right)].text.utf8)
            guard let result = table.id(of: joint[...]) else {
                throw TokenizationError.inconsistent(
                    location: "vocabulary: merge \(rank)",
                    reason: "\"\(String(decoding: joint, as: UTF8.self))\" is not in the vocabulary")
            }
            return result
        }
    }
}
