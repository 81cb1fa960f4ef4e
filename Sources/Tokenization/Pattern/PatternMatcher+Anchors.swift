extension PatternMatcher {
    /// Whether an anchor matches at a position.
    func holds(_ anchor: PatternNode.Anchor, _ position: Int) -> Bool {
        func isLineEnd(_ i: Int) -> Bool { scalars[i] == "\n" }
        // Oniguruma takes Latin-1's raised digits and fractions for parts of words here, though not in \w.
        func isWord(_ i: Int) -> Bool {
            bounds.contains(i) && (traits[i].contains(.word) || "\u{B2}\u{B3}\u{B9}\u{BC}\u{BD}\u{BE}".unicodeScalars.contains(scalars[i]))
        }
        switch anchor {
        case .textStart: return position == bounds.lowerBound
        case .textEnd: return position == bounds.upperBound
        case .lineStart:
            return position == bounds.lowerBound || isLineEnd(position - 1) && position < bounds.upperBound
        case .lineEnd: return position == bounds.upperBound || isLineEnd(position)
        case .lastLineEnd:
            return position == bounds.upperBound || position == bounds.upperBound - 1 && isLineEnd(position)
        case .wordEdge: return isWord(position - 1) != isWord(position)
        case .noWordEdge: return isWord(position - 1) == isWord(position)
        }
    }
}
