/// A part of a pattern.
indirect enum PatternNode: Sendable {
    enum Repetition: Sendable { case greedy, lazy, possessive }
    enum Group: Sendable { case ahead, notAhead, atomic }
    enum Anchor: Sendable { case lineStart, lineEnd, textStart, textEnd, lastLineEnd, wordEdge, noWordEdge }

    case set(ScalarSet)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    case repeated(PatternNode, ClosedRange<Int>, Repetition)
    case group(Group, PatternNode)
    case anchor(Anchor)

    /// Whether the part can match no characters.
    var canBeEmpty: Bool {
        switch self {
        case .set: false
        case .sequence(let parts): parts.allSatisfy(\.canBeEmpty)
        case .alternatives(let parts): parts.contains(where: \.canBeEmpty)
        case .repeated(let part, let count, _): count.lowerBound == 0 || part.canBeEmpty
        case .group(let group, let part): group != .atomic || part.canBeEmpty
        case .anchor: true
        }
    }

    /// The set of a part that is one character; nil for other parts.
    var single: ScalarSet? {
        switch self {
        case .set(let set): set
        case .sequence(let parts) where parts.count == 1: parts[0].single
        case .alternatives(let parts):
            parts.count == 1 ? parts[0].single : ScalarSet.union(parts.map(\.single))
        default: nil
        }
    }
}

extension ScalarSet {
    /// The union of sets, nil where one is missing.
    static func union(_ sets: [ScalarSet?]) -> ScalarSet? {
        var union = ScalarSet()
        for set in sets {
            guard let set else { return nil }
            union.insert(set)
        }
        union.finish()
        return union
    }
}
