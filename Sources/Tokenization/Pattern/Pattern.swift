/// A regular expression of the kind that tokenizers cut text with: the usual subset of Oniguruma's syntax, over characters of Unicode.
public struct Pattern: Sendable, Equatable {
    /// As it is written.
    public let source: String
    /// Whether the text itself is meant, in place of an expression.
    public let isLiteral: Bool
    let program: PatternProgram

    /// - Throws: `TokenizationError.unsupported` that names what is outside the subset.
    public init(_ source: String) throws {
        self.source = source
        isLiteral = false
        do {
            program = try PatternProgram(PatternParser.parse(source))
        } catch let refusal as PatternParser.Refusal {
            throw TokenizationError.unsupported(
                location: TokenizerJSONReader.location, feature: "the split pattern \(source) (\(refusal.reason))")
        }
    }

    /// The pattern that matches a text and nothing else.
    public init(literal text: String) throws {
        source = text
        isLiteral = true
        let characters = text.unicodeScalars.map { PatternNode.set(ScalarSet([$0.value...$0.value])) }
        do { program = try PatternProgram(.sequence(characters)) } catch {
            throw TokenizationError.unsupported(location: TokenizerJSONReader.location, feature: "a split at a text of such length")
        }
    }

    public static func == (left: Pattern, right: Pattern) -> Bool {
        left.isLiteral == right.isLiteral && left.source.unicodeScalars.elementsEqual(right.source.unicodeScalars)
    }

    /// Cuts a part of a text at its matches: all of it in order, with what is a match marked.
    func cuts(
        _ scalars: UnsafeBufferPointer<Unicode.Scalar>, _ traits: UnsafeBufferPointer<CharacterTraits>, in bounds: Range<Int>
    ) -> [(range: Range<Int>, isMatch: Bool)] {
        var cuts: [(range: Range<Int>, isMatch: Bool)] = []
        var matcher = PatternMatcher(program, scalars, traits, in: bounds)
        var done = bounds.lowerBound
        var position = bounds.lowerBound
        var lastEnd: Int?
        while position <= bounds.upperBound, !matcher.isExhausted {
            guard let end = matcher.end(ofMatchAt: position), end > position || lastEnd != position else {
                position += 1
                continue
            }
            if done < position { cuts.append((done..<position, false)) }
            cuts.append((position..<end, true))
            (done, position, lastEnd) = (end, end, end)
        }
        if done < bounds.upperBound { cuts.append((done..<bounds.upperBound, false)) }
        return cuts
    }
}
