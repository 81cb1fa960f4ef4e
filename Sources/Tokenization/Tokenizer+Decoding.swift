extension Tokenizer {
    /// What SentencePiece prints for the unknown token.
    private static let unknownSurface = " \u{2047} "

    /// Decodes token ids as text; ids outside the vocabulary and unused pieces give nothing.
    ///
    /// Bytes that are no UTF-8 become U+FFFD. The space that encoding put before the text is taken off again.
    /// - Parameter skipSpecial: leave control tokens out; otherwise they are spelled (`</s>`).
    public func decode(_ ids: [Int32], skipSpecial: Bool = true) -> String {
        var bytes: [UInt8] = []
        let strips = vocabulary.kind != .byteLevelBPE && (vocabulary.spacePrefix != .never || vocabulary.removesExtraSpaces)
        var atStart = strips
        for id in ids {
            let part = self.bytes(of: id, skipSpecial: skipSpecial)
            guard atStart, let first = part.first, let role = role(id) else {
                bytes.append(contentsOf: part)
                continue
            }
            let hasSpace = first == UInt8(ascii: " ") && (role == .normal || role == .userDefined)
            bytes.append(contentsOf: hasSpace ? part.dropFirst() : part[...])
            atStart = vocabulary.removesExtraSpaces && bytes.isEmpty
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The bytes that one token adds to a text, for decoding as tokens come; a character may need several.
    public func bytes(of id: Int32, skipSpecial: Bool = true) -> [UInt8] {
        guard let role = role(id) else { return [] }
        let piece = vocabulary.pieces[Int(id)]
        switch role {
        case .unused: return []
        case .control: return skipSpecial ? [] : Array(piece.text.utf8)
        case .unknown: return Array((skipSpecial ? Tokenizer.unknownSurface : piece.text).utf8)
        case .byte: return piece.byteValue.map { [$0] } ?? []
        case .userDefined where vocabulary.kind == .byteLevelBPE: return Array(piece.text.utf8)
        case .normal, .userDefined:
            if vocabulary.kind == .byteLevelBPE {
                return ByteLevelAlphabet.bytes(of: piece.text) ?? Array(piece.text.utf8)
            }
            var text = String.UnicodeScalarView()
            for scalar in piece.text.unicodeScalars { text.append(scalar == "\u{2581}" ? " " : scalar) }
            return Array(String(text).utf8)
        }
    }

    private func role(_ id: Int32) -> Piece.Role? {
        vocabulary.pieces.indices.contains(Int(id)) ? vocabulary.pieces[Int(id)].role : nil
    }
}
