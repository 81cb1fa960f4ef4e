/// A text on its way through the steps: its characters, and which ranges of them are pieces.
struct SplitText {
    var scalars: [Unicode.Scalar]
    var pieces: [Range<Int>]
    /// Whether each character spells a byte.
    private(set) var spellsBytes = false

    typealias Cut = Pattern.Cut

    init(_ scalars: [Unicode.Scalar]) {
        self.scalars = scalars
        pieces = scalars.isEmpty ? [] : [0..<scalars.count]
    }

    mutating func apply(_ step: SplitStep) {
        switch step {
        case .split(let pattern, let behavior, let inverts): split(pattern, behavior, inverts)
        case .digits(let individually):
            split(individually ? .isolated : .contiguous) { SplitText.traits($0).isSubset(of: SplitText.numbers) }
        case .punctuation(let behavior): split(behavior, where: BertNormalizer.isPunctuation)
        case .whiteSpace: split(.removed) { $0.properties.isWhitespace }
        case .byteLevel(let addsPrefixSpace, let usesPattern):
            if addsPrefixSpace { prefixPieces() }
            if usesPattern { splitWords() }
            spellBytes()
        }
    }

    private static let numbers: CharacterTraits = [.decimal, .init(.letterNumber), .init(.otherNumber)]

    /// The general category alone.
    private static func traits(_ scalar: Unicode.Scalar) -> CharacterTraits { CharacterTraits(scalar.properties.generalCategory) }

    private mutating func split(_ pattern: Pattern, _ behavior: SplitStep.Behavior, _ inverts: Bool) {
        var result: [Range<Int>] = []
        result.reserveCapacity(pieces.count)
        pattern.cut(scalars, pieces) { cuts in
            SplitText.append(inverts ? cuts.map { ($0.range, !$0.isMatch) } : cuts, behavior, to: &result)
        }
        pieces = result
    }

    private mutating func split(_ behavior: SplitStep.Behavior, where matches: (Unicode.Scalar) -> Bool) {
        var result: [Range<Int>] = []
        for piece in pieces {
            var cuts: [Cut] = []
            var start = piece.lowerBound
            for i in piece where matches(scalars[i]) {
                if start < i { cuts.append((start..<i, false)) }
                cuts.append((i..<(i + 1), true))
                start = i + 1
            }
            if start < piece.upperBound { cuts.append((start..<piece.upperBound, false)) }
            SplitText.append(cuts, behavior, to: &result)
        }
        pieces = result
    }

    /// Joins cuts as the behaviour says; what stays empty is dropped.
    private static func append(_ cuts: [Cut], _ behavior: SplitStep.Behavior, to pieces: inout [Range<Int>]) {
        var joined: [Range<Int>] = []
        var matchedBefore = false
        switch behavior {
        case .isolated: joined = cuts.map(\.range)
        case .removed: joined = cuts.filter { !$0.isMatch }.map(\.range)
        case .contiguous, .mergedWithPrevious:
            for cut in cuts {
                let joins = behavior == .contiguous ? cut.isMatch == matchedBefore : cut.isMatch && !matchedBefore
                if joins, let last = joined.last {
                    joined[joined.count - 1] = last.lowerBound..<cut.range.upperBound
                } else {
                    joined.append(cut.range)
                }
                matchedBefore = cut.isMatch
            }
        case .mergedWithNext:
            for cut in cuts.reversed() {
                if cut.isMatch, !matchedBefore, let last = joined.last {
                    joined[joined.count - 1] = cut.range.lowerBound..<last.upperBound
                } else {
                    joined.append(cut.range)
                }
                matchedBefore = cut.isMatch
            }
            joined.reverse()
        }
        for range in joined where !range.isEmpty { pieces.append(range) }
    }
}

extension SplitText {
    private mutating func prefixPieces() {
        rebuild { piece, scalars in
            if scalars[piece.lowerBound] == " " { return Array(scalars[piece]) }
            return [" "] + scalars[piece]
        }
    }

    private mutating func splitWords() {
        var result: [Range<Int>] = []
        for piece in pieces {
            var start = piece.lowerBound
            for end in PreTokenizer.wordEnds(scalars[piece], .gpt2) {
                result.append(start..<end)
                start = end
            }
        }
        pieces = result
    }

    private mutating func spellBytes() {
        rebuild { piece, scalars in
            scalars[piece].flatMap { (UTF8.encode($0) ?? .init()).map { ByteLevelAlphabet.characters[Int($0)] } }
        }
        spellsBytes = true
    }

    private mutating func rebuild(_ change: (Range<Int>, [Unicode.Scalar]) -> [Unicode.Scalar]) {
        var changed: [Unicode.Scalar] = []
        changed.reserveCapacity(scalars.count)
        for i in pieces.indices {
            let start = changed.count
            changed += change(pieces[i], scalars)
            pieces[i] = start..<changed.count
        }
        scalars = changed
    }
}
