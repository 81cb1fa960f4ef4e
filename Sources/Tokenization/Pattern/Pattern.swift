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

    typealias Cut = (range: Range<Int>, isMatch: Bool)

    /// Cuts each part of a text at its matches: all of the part in order, with what is a match marked.
    ///
    /// - Parameter parts: in order, and apart from each other.
    func cut(_ scalars: [Unicode.Scalar], _ parts: [Range<Int>], _ body: ([Cut]) -> Void) {
        let table = CharacterTraits.table
        let traits = scalars.map { $0.value < 0x10000 ? table[Int($0.value)] : CharacterTraits(of: $0) }
        scalars.withUnsafeBufferPointer { scalars in
            traits.withUnsafeBufferPointer { traits in
                var matcher = PatternMatcher(program, scalars, traits)
                var cuts: [Cut] = []
                for part in parts {
                    cuts.removeAll(keepingCapacity: true)
                    matcher.begin(part)
                    Pattern.append(&matcher, part, to: &cuts)
                    body(cuts)
                }
            }
        }
    }

    private static func append(_ matcher: inout PatternMatcher, _ part: Range<Int>, to cuts: inout [Cut]) {
        var done = part.lowerBound
        var position = part.lowerBound
        var lastEnd: Int?
        while position <= part.upperBound, !matcher.isExhausted {
            guard let end = matcher.end(ofMatchAt: position), end > position || lastEnd != position else {
                position += 1
                continue
            }
            if done < position { cuts.append((done..<position, false)) }
            cuts.append((position..<end, true))
            (done, position, lastEnd) = (end, end, end)
        }
        if done < part.upperBound { cuts.append((done..<part.upperBound, false)) }
    }
}
