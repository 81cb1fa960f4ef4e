extension Tokenizer {
    /// Encodes text as token ids.
    ///
    /// - Parameters:
    ///   - addSpecial: put BOS before and EOS after, as far as the vocabulary says so.
    ///   - parseSpecial: take the spelling of a control token (`<s>`) for the token; otherwise it is plain text.
    ///     User-defined pieces are always recognised.
    public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = false) -> [Int32] {
        var text = text
        return text.withUTF8 { encode(utf8: $0, addSpecial: addSpecial, parseSpecial: parseSpecial) }
    }

    /// Encodes UTF-8 bytes as token ids; bytes that are not UTF-8 count as U+FFFD.
    public func encode(_ bytes: [UInt8], addSpecial: Bool = true, parseSpecial: Bool = false) -> [Int32] {
        encode(String(decoding: bytes, as: UTF8.self), addSpecial: addSpecial, parseSpecial: parseSpecial)
    }

    private func encode(utf8: UnsafeBufferPointer<UInt8>, addSpecial: Bool, parseSpecial: Bool) -> [Int32] {
        var ids: [Int32] = []
        if addSpecial, vocabulary.addsBOS, let id = vocabulary.bosID { ids.append(id) }
        var words = WordCache()
        let before = beforeNormalization.map { parseSpecial ? $0.special : $0.userDefined }
        if let before, vocabulary.kind == .byteLevelBPE {
            for (i, segment) in before.segments(of: utf8).enumerated() {
                switch segment.content {
                case .token(let id): ids.append(id)
                case .text:
                    let text = vocabulary.normalization.steps.reduce(Array(utf8[segment.range])) { $1.apply(to: $0) }
                    appendIDs(ofSegments: text, isFirst: i == 0, parseSpecial, &words, to: &ids)
                }
            }
        } else {
            appendIDs(ofSegments: normalized(utf8, before), isFirst: true, parseSpecial, &words, to: &ids)
        }
        if addSpecial, vocabulary.addsEOS, let id = vocabulary.eosID { ids.append(id) }
        return ids
    }

    /// Appends the ids of a text with the special tokens that are found in it.
    private func appendIDs(
        ofSegments text: [UInt8], isFirst: Bool, _ parseSpecial: Bool, _ words: inout WordCache, to ids: inout [Int32]
    ) {
        text.withUnsafeBufferPointer { text in
            for (i, segment) in (parseSpecial ? special : userDefined).segments(of: text).enumerated() {
                switch segment.content {
                case .token(let id): ids.append(id)
                case .text:
                    let prefixed: Bool
                    switch vocabulary.spacePrefix {
                    case .never, .text: prefixed = false
                    case .firstSegment: prefixed = isFirst && i == 0
                    case .everySegment: prefixed = true
                    }
                    appendIDs(of: UnsafeBufferPointer(rebasing: text[segment.range]), prefixed: prefixed, &words, to: &ids)
                }
            }
        }
    }

    /// The text with composition, dropped spaces, `▁` for spaces and the prefix of the whole text applied.
    ///
    /// - Parameter before: finds what is not normalized.
    private func normalized(_ utf8: UnsafeBufferPointer<UInt8>, _ before: SpecialTokenMatcher?) -> [UInt8] {
        var text = Array(utf8)
        if let before {
            text = before.segments(of: utf8).flatMap { segment -> [UInt8] in
                let part = Array(utf8[segment.range])
                guard case .text = segment.content else { return part }
                return vocabulary.normalization.steps.reduce(part) { $1.apply(to: $0) }
            }
        } else if vocabulary.normalization == .nfc {
            text = composed(text)
        }
        if vocabulary.removesExtraSpaces { text = Tokenizer.withoutExtraSpaces(text) }
        let escapes = vocabulary.kind != .byteLevelBPE
        text = Tokenizer.escaped(text, spaces: escapes)
        if escapes, vocabulary.removesExtraSpaces {
            // SentencePiece takes a ▁ that the text ends with for a space.
            while text.suffix(3).elementsEqual([0xE2, 0x96, 0x81]) { text.removeLast(3) }
        }
        return vocabulary.spacePrefix == .text ? prefixed(text[...]) : text
    }

    private func appendIDs(
        of segment: UnsafeBufferPointer<UInt8>, prefixed addsPrefix: Bool, _ words: inout WordCache, to ids: inout [Int32]
    ) {
        guard addsPrefix else { return appendIDs(of: segment, &words, to: &ids) }
        prefixed(Array(segment)[...]).withUnsafeBufferPointer { appendIDs(of: $0, &words, to: &ids) }
    }

    private func appendIDs(of text: UnsafeBufferPointer<UInt8>, _ words: inout WordCache, to ids: inout [Int32]) {
        if vocabulary.kind == .byteLevelBPE {
            appendWordIDs(of: text, &words, to: &ids)
        } else {
            appendCharacterIDs(of: text, to: &ids)
        }
    }

    /// Puts a space (as the vocabulary spells it) before text, unless it is empty or has one that suffices.
    private func prefixed(_ text: ArraySlice<UInt8>) -> [UInt8] {
        let space = Tokenizer.escaped([UInt8(ascii: " ")], spaces: vocabulary.kind != .byteLevelBPE)
        if text.isEmpty || (!vocabulary.prefixesSpace && text.starts(with: space)) { return Array(text) }
        return space + text
    }

    /// Replaces spaces by `▁` (U+2581) where asked to.
    static func escaped(_ text: [UInt8], spaces: Bool) -> [UInt8] {
        guard spaces else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 2)
        for byte in text {
            if byte == UInt8(ascii: " ") { result.append(contentsOf: [0xE2, 0x96, 0x81]) } else { result.append(byte) }
        }
        return result
    }

    private static func withoutExtraSpaces(_ text: [UInt8]) -> [UInt8] {
        let words = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
        return Array(words.joined(separator: [UInt8(ascii: " ")]))
    }
}
