/// One piece of a text while it is being merged: a span of bytes and its neighbours.
struct Symbol {
    var start: Int
    var length: Int
    /// The piece's id, or -1 where the bytes are no piece.
    var id: Int32
    var previous: Int32
    var next: Int32

    var range: Range<Int> { start..<(start + length) }
}

/// Which adjacent symbols may merge: a rank, lower first, and the id of the result.
protocol MergeRule {
    func merge(_ left: Symbol, _ right: Symbol, in text: UnsafeBufferPointer<UInt8>) -> (rank: Int32, id: Int32)?
}

/// Merges as SentencePiece does: any two symbols whose joint bytes are a piece, best score first.
struct ScoreRule: MergeRule {
    let table: PieceTable
    /// By id: the place of the piece's score among all scores, best first, equal scores sharing a place.
    let ranks: [Int32]

    func merge(_ left: Symbol, _ right: Symbol, in text: UnsafeBufferPointer<UInt8>) -> (rank: Int32, id: Int32)? {
        guard let id = table.id(of: left.start..<(right.start + right.length), in: text) else { return nil }
        return (ranks[Int(id)], id)
    }
}

/// Merges listed pairs, lowest rank first.
struct RankRule: MergeRule {
    let merges: [UInt64: (rank: Int32, id: Int32)]

    init(_ list: [Vocabulary.Merge], results: [Int32]) {
        var merges: [UInt64: (rank: Int32, id: Int32)] = [:]
        merges.reserveCapacity(list.count)
        for (rank, merge) in list.enumerated() {
            merges[RankRule.key(merge.left, merge.right)] = (Int32(rank), results[rank])
        }
        self.merges = merges
    }

    func merge(_ left: Symbol, _ right: Symbol, in text: UnsafeBufferPointer<UInt8>) -> (rank: Int32, id: Int32)? {
        guard left.id >= 0, right.id >= 0 else { return nil }
        return merges[RankRule.key(left.id, right.id)]
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}

/// Merges adjacent symbols in order of rank, leftmost first among equals, until none may merge: O(n log n).
///
/// Merged symbols grow to the right; a symbol swallowed by its left neighbour is left with length 0.
/// `onMerge` is told each result's id and the length of its left part, in bytes.
func mergePairs<Rule: MergeRule>(
    _ symbols: inout [Symbol], in text: UnsafeBufferPointer<UInt8>, by rule: Rule,
    onMerge: (_ id: Int32, _ leftLength: Int) -> Void = { _, _ in }
) {
    var queue = MergeQueue()
    func consider(_ left: Int32, _ symbols: [Symbol]) {
        guard left >= 0 else { return }
        let first = symbols[Int(left)]
        guard first.next >= 0 else { return }
        let second = symbols[Int(first.next)]
        guard let (rank, id) = rule.merge(first, second, in: text) else { return }
        queue.push(.init(rank: rank, left: left, length: first.length + second.length, leftLength: first.length, id: id))
    }
    for i in symbols.indices { consider(Int32(i), symbols) }
    while let candidate = queue.pop() {
        let left = Int(candidate.left)
        let right = Int(symbols[left].next)
        // A candidate is stale once either of its symbols has grown, or has been swallowed.
        guard symbols[left].length == candidate.leftLength, right >= 0,
            symbols[left].length + symbols[right].length == candidate.length
        else { continue }
        onMerge(candidate.id, candidate.leftLength)
        symbols[left].length = candidate.length
        symbols[left].id = candidate.id
        symbols[left].next = symbols[right].next
        symbols[right].length = 0
        symbols[right].next = -1
        let next = Int(symbols[left].next)
        if next >= 0 { symbols[next].previous = candidate.left }
        consider(symbols[left].previous, symbols)
        consider(candidate.left, symbols)
    }
}
