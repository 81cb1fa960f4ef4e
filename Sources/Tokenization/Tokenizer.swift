/// Turns text into token ids and back by the rules of a vocabulary.
///
/// A value without mutable state: the same text always gives the same ids, from any thread.
public struct Tokenizer: Sendable {
    public let vocabulary: Vocabulary

    /// The pieces that text can become: all but control, unknown and byte pieces.
    let table: PieceTable
    let scoreRule: ScoreRule?
    let rankRule: RankRule
    /// The piece of each byte, -1 where there is none.
    let byteIDs: [Int32]
    let userDefined: SpecialTokenMatcher
    let special: SpecialTokenMatcher

    /// Checks the vocabulary and builds the tables to encode with.
    ///
    /// - Throws: `TokenizationError.inconsistent` where the vocabulary breaks its invariants.
    public init(_ vocabulary: Vocabulary) throws {
        try vocabulary.checkInvariants()
        self.vocabulary = vocabulary
        let pieces = vocabulary.pieces
        let table: PieceTable
        switch vocabulary.kind {
        case .sentencePieceBPE:
            table = PieceTable(pieces) { [.normal, .userDefined, .unused].contains($0.role) }
            scoreRule = ScoreRule(table: table, ranks: Tokenizer.scoreRanks(pieces))
            rankRule = RankRule([], results: [])
        case .mergesBPE, .byteLevelBPE:
            table = PieceTable(pieces) { [.normal, .userDefined].contains($0.role) }
            scoreRule = nil
            rankRule = RankRule(vocabulary.merges, results: try vocabulary.mergeResults())
        }
        self.table = table
        byteIDs = Tokenizer.byteIDs(vocabulary, table)
        let escapes = vocabulary.kind != .byteLevelBPE
        let spelling = { (piece: Piece) in Tokenizer.escaped(Array(piece.text.utf8), spaces: escapes) }
        let space = Tokenizer.escaped([UInt8(ascii: " ")], spaces: escapes)
        userDefined = SpecialTokenMatcher(pieces, space: space) { $0.role == .userDefined ? spelling($0) : nil }
        special = SpecialTokenMatcher(pieces, space: space) {
            [.userDefined, .control, .unknown].contains($0.role) ? spelling($0) : nil
        }
    }

    /// The place of each piece's score among all, best first; equal scores share a place.
    private static func scoreRanks(_ pieces: [Piece]) -> [Int32] {
        var ranks = [Int32](repeating: 0, count: pieces.count)
        var rank: Int32 = -1
        var last: Float?
        for id in pieces.indices.sorted(by: { pieces[$0].score > pieces[$1].score }) {
            if pieces[id].score != last { rank += 1 }
            last = pieces[id].score
            ranks[id] = rank
        }
        return ranks
    }

    private static func byteIDs(_ vocabulary: Vocabulary, _ table: PieceTable) -> [Int32] {
        if vocabulary.kind == .byteLevelBPE {
            return ByteLevelAlphabet.characters.map { table.id(of: String($0)) ?? -1 }
        }
        var ids = [Int32](repeating: -1, count: 256)
        for (id, piece) in vocabulary.pieces.enumerated() where piece.role == .byte {
            if let byte = piece.byteValue, ids[Int(byte)] < 0 { ids[Int(byte)] = Int32(id) }
        }
        return ids
    }
}
