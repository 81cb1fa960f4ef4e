/// What SentencePiece's settings say of a unigram model beside its pieces.
public struct UnigramRules: Sendable, Equatable {
    /// The precompiled map of characters; nil for none.
    public var characterMap: [UInt8]?
    /// Whether text begins with a ▁ that stands for no space.
    public var addsSpacePrefix: Bool
    /// Whether leading, trailing and repeated spaces are dropped.
    public var removesExtraSpaces: Bool
}

extension UnigramTokenizer {
    /// The rules of the tokenizer as SentencePiece has them.
    ///
    /// - Throws: `TokenizationError.notRepresentable` for a tokenizer that does something else to text.
    public func rules() throws -> UnigramRules {
        func refused(_ reason: String) -> TokenizationError { .notRepresentable(form: "a SentencePiece model", reason: reason) }
        var rules = UnigramRules(characterMap: nil, addsSpacePrefix: true, removesExtraSpaces: spaces.dropsWhiteSpace)
        for step in steps {
            switch step {
            case .map(let map) where rules.characterMap == nil, .mapGraphemes(let map) where rules.characterMap == nil:
                rules.characterMap = map.bytes
            case .dropExtraSpaces: rules.removesExtraSpaces = true
            case .replaceSpaces(with: let text) where [" ", "\u{2581}"].contains(text): rules.removesExtraSpaces = true
            // White space is dropped anyway.
            case .strip where spaces.dropsWhiteSpace: break
            default: throw refused("its normalizer is more than a map of characters and the removal of spaces")
            }
        }
        switch spaces.prefix {
        case .never: rules.addsSpacePrefix = false
        case .text, .firstSegment, .everySegment: break
        }
        if !byteIDs.isEmpty { throw refused("bytes stand for characters that have no piece") }
        return rules
    }
}
