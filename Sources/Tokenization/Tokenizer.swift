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
    /// The same among the text as it is given, where that is searched before it is normalized.
    let beforeNormalization: (userDefined: SpecialTokenMatcher, special: SpecialTokenMatcher)?

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
        (userDefined, special, beforeNormalization) = Tokenizer.matchers(vocabulary)
    }

    private typealias Matchers = (userDefined: SpecialTokenMatcher, special: SpecialTokenMatcher)

    /// What finds special tokens in text as it will be searched, and in text as it is given where that is searched before.
    private static func matchers(_ vocabulary: Vocabulary) -> (SpecialTokenMatcher, SpecialTokenMatcher, Matchers?) {
        let steps = vocabulary.normalization.steps
        let isByteLevel = vocabulary.kind == .byteLevelBPE
        let space = escaped([UInt8(ascii: " ")], spaces: !isByteLevel)
        func matchers(_ spelling: (Piece) -> [UInt8]?) -> Matchers {
            func matcher(_ roles: [Piece.Role]) -> SpecialTokenMatcher {
                SpecialTokenMatcher(vocabulary.pieces, space: space) { roles.contains($0.role) ? spelling($0) : nil }
            }
            return (matcher([.userDefined]), matcher([.userDefined, .control, .unknown]))
        }
        if isByteLevel, !steps.isEmpty || vocabulary.pieces.contains(where: { $0.matching.contains(.normalized) }) {
            let after = matchers { piece in
                piece.matching.contains(.normalized) ? steps.reduce(Array(piece.text.utf8)) { $1.apply(to: $0) } : nil
            }
            let before = matchers { $0.matching.contains(.normalized) ? nil : Array($0.text.utf8) }
            return (after.userDefined, after.special, before)
        }
        let found = matchers { escaped(Array($0.text.utf8), spaces: !isByteLevel) }
        return (found.userDefined, found.special, vocabulary.normalization.isSteps ? matchers { Array($0.text.utf8) } : nil)
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
