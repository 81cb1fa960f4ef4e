/// Scores from merges and merges from scores.
extension Vocabulary {
    /// The merges that a scored vocabulary implies: all pairs of pieces whose joint text is a piece, best score first.
    ///
    /// Among equal scores the pair with the shorter left part comes first, as transformers 5 orders them (4 had it the
    /// other way round): a fast tokenizer with these merges gives SentencePiece's ids, save where two ways to one piece
    /// overlap.
    public func impliedMerges() -> [Merge] {
        struct Candidate {
            let merge: Merge
            let score: Float
            let leftLength: Int
            let rightLength: Int
        }
        let table = PieceTable(pieces) { $0.role == .normal || $0.role == .userDefined }
        var candidates: [Candidate] = []
        for piece in pieces where piece.role == .normal {
            let bytes = Array(piece.text.utf8)
            let length = piece.text.unicodeScalars.count
            var pairs: [Candidate] = []
            var leftLength = 0
            for cut in bytes.indices.dropFirst() where bytes[cut] & 0xC0 != 0x80 {
                leftLength += 1
                guard let left = table.id(of: bytes[..<cut]), let right = table.id(of: bytes[cut...]) else { continue }
                pairs.append(
                    Candidate(
                        merge: Merge(left, right), score: piece.score, leftLength: leftLength,
                        rightLength: length - leftLength))
            }
            pairs.sort { ($0.merge.left, $0.merge.right) < ($1.merge.left, $1.merge.right) }
            candidates += pairs
        }
        // Positions make the sort stable.
        let order = candidates.indices.sorted {
            let (a, b) = (candidates[$0], candidates[$1])
            return (-a.score, a.leftLength, a.rightLength, $0) < (-b.score, b.leftLength, b.rightLength, $1)
        }
        return order.map { candidates[$0].merge }
    }

    /// The same vocabulary in the kind `.mergesBPE`, for forms that list merges.
    public func withImpliedMerges() -> Vocabulary {
        guard kind == .sentencePieceBPE else { return self }
        var result = self
        result.kind = .mergesBPE
        result.merges = impliedMerges()
        return result
    }

    /// The same vocabulary in the kind `.sentencePieceBPE`: a piece's score is minus the rank of its first merge.
    ///
    /// Pieces that no merge gives come last, in order of id. Ids stay what they were where the merges are those that
    /// the scores imply; a merge list that leaves possible pairs out has no exact equal among scores.
    /// - Throws: `TokenizationError` where a merge does not give a piece, or the kind is byte-level.
    public func scoredByMerges() throws -> Vocabulary {
        guard kind != .byteLevelBPE else {
            throw TokenizationError.notRepresentable(form: "a scored vocabulary", reason: "it is byte-level BPE")
        }
        guard kind == .mergesBPE else { return self }
        var result = self
        result.kind = .sentencePieceBPE
        result.merges = []
        var ranks: [Int32: Int] = [:]
        for (rank, id) in try mergeResults().enumerated() where ranks[id] == nil { ranks[id] = rank }
        let places = ranks.sorted { $0.value < $1.value }.map(\.key)
        for (place, id) in places.enumerated() { result.pieces[Int(id)].score = -Float(place) }
        var next = places.count
        for id in pieces.indices where ranks[Int32(id)] == nil {
            guard pieces[id].role == .normal else {
                result.pieces[id].score = 0
                continue
            }
            result.pieces[id].score = -Float(next)
            next += 1
        }
        return result
    }
}
