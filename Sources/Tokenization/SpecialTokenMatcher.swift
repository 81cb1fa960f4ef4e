/// Finds special tokens in text: leftmost first, the longest among those that begin at one place.
struct SpecialTokenMatcher: Sendable {
    struct Segment {
        enum Content { case text, token(Int32) }
        var range: Range<Int>
        var content: Content
    }

    private struct Token {
        let bytes: [UInt8]
        let id: Int32
        let stripping: Piece.Stripping
        let isWholeWord: Bool
    }

    /// By first byte, the longest token first.
    private var tokens: [[Token]] = Array(repeating: [], count: 256)

    /// How a space is spelled in the text that will be searched.
    private let space: [UInt8]

    /// `spelling` gives a piece's bytes as they occur in the text that will be searched; nil leaves the piece out.
    init(_ pieces: [Piece], space: [UInt8], spelling: (Piece) -> [UInt8]?) {
        self.space = space
        for (id, piece) in pieces.enumerated() {
            guard let bytes = spelling(piece), let first = bytes.first else { continue }
            tokens[Int(first)].append(
                Token(bytes: bytes, id: Int32(id), stripping: piece.stripping, isWholeWord: piece.matching.contains(.wholeWord)))
        }
        for i in tokens.indices { tokens[i].sort { ($1.bytes.count, $0.id) < ($0.bytes.count, $1.id) } }
    }

    /// Cuts the text into plain segments and special tokens, in order; empty segments are left out.
    func segments(of text: UnsafeBufferPointer<UInt8>) -> [Segment] {
        var segments: [Segment] = []
        var start = 0
        var i = 0
        while i < text.count {
            guard let token = token(at: i, in: text) else {
                i += 1
                continue
            }
            if token.isWholeWord, SpecialTokenMatcher.touchesWord(i..<(i + token.bytes.count), in: text) {
                i += token.bytes.count
                continue
            }
            var before = i
            var after = i + token.bytes.count
            if token.stripping.contains(.before) {
                while let length = spaceLength(in: text[start..<before], atEnd: true) { before -= length }
            }
            if token.stripping.contains(.after) {
                while let length = spaceLength(in: text[after...], atEnd: false) { after += length }
            }
            if before > start { segments.append(Segment(range: start..<before, content: .text)) }
            segments.append(Segment(range: i..<after, content: .token(token.id)))
            start = after
            i = after
        }
        if start < text.count { segments.append(Segment(range: start..<text.count, content: .text)) }
        return segments
    }

    private func token(at i: Int, in text: UnsafeBufferPointer<UInt8>) -> Token? {
        tokens[Int(text[i])].first { token in
            i + token.bytes.count <= text.count && token.bytes.indices.allSatisfy { text[i + $0] == token.bytes[$0] }
        }
    }

    /// The bytes of the white space with which `text` begins or ends; nil where it does not.
    private func spaceLength(in text: Slice<UnsafeBufferPointer<UInt8>>, atEnd: Bool) -> Int? {
        guard let byte = atEnd ? text.last : text.first else { return nil }
        if (0x09...0x0D).contains(byte) { return 1 }
        let part = atEnd ? text.suffix(space.count) : text.prefix(space.count)
        if part.elementsEqual(space) { return space.count }
        // Other white space is of two and three bytes.
        for length in 2...3 where byte >= 0x80 && text.count >= length {
            let scalars = String(decoding: atEnd ? text.suffix(length) : text.prefix(length), as: UTF8.self).unicodeScalars
            if scalars.count == 1, scalars.first?.properties.isWhitespace == true { return length }
        }
        return nil
    }

    /// Whether a character of a word is right before or behind the range.
    private static func touchesWord(_ range: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = range.lowerBound
        while start > 0, range.lowerBound - start < 4 {
            start -= 1
            if text[start] & 0xC0 != 0x80 { break }
        }
        let before = String(decoding: text[start..<range.lowerBound], as: UTF8.self).unicodeScalars.last
        let end = min(range.upperBound + 4, text.count)
        let after = String(decoding: text[range.upperBound..<end], as: UTF8.self).unicodeScalars.first
        func isWord(_ scalar: Unicode.Scalar?) -> Bool {
            guard let scalar else { return false }
            return scalar.properties.isJoinControl || CharacterTraits(of: scalar).contains(.word)
        }
        return isWord(before) || isWord(after)
    }
}
