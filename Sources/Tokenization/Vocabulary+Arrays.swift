/// The parallel arrays in which GGUF keeps a vocabulary.
extension Vocabulary {
    /// Joins the arrays of `tokenizer.ggml.tokens`, `.scores` and `.token_type` into pieces.
    ///
    /// An empty `scores` or `roles` means 0 or normal for each.
    /// - Throws: `TokenizationError.inconsistent` where lengths differ or a role has no such number.
    public static func pieces(texts: [String], scores: [Float] = [], roles: [Int32] = []) throws -> [Piece] {
        let location = "vocabulary"
        guard scores.isEmpty || scores.count == texts.count else {
            throw TokenizationError.inconsistent(
                location: location, reason: "\(texts.count) tokens but \(scores.count) scores")
        }
        guard roles.isEmpty || roles.count == texts.count else {
            throw TokenizationError.inconsistent(
                location: location, reason: "\(texts.count) tokens but \(roles.count) token types")
        }
        return try texts.indices.map { id in
            let number = roles.isEmpty ? Piece.Role.normal.rawValue : roles[id]
            guard let role = Piece.Role(rawValue: number) else {
                throw TokenizationError.inconsistent(
                    location: "\(location): token \(id)", reason: "token type \(number) is none of 1 to 6")
            }
            return Piece(texts[id], score: scores.isEmpty ? 0 : scores[id], role: role)
        }
    }

    /// Parses merges spelled `"left right"` (`tokenizer.ggml.merges`) against the pieces.
    ///
    /// - Throws: `TokenizationError` where a line has no two halves or a half is no piece.
    public static func merges(parsing lines: [String], pieces: [Piece]) throws -> [Merge] {
        let table = PieceTable(pieces) { _ in true }
        return try lines.enumerated().map { rank, line in
            try merge(parsing: line, table: table, location: "vocabulary: merge \(rank)")
        }
    }

    static func merge(parsing line: String, table: PieceTable, location: String) throws -> Merge {
        let bytes = Array(line.utf8)
        // The first character may itself be a space, so the separator is looked for after it.
        guard let space = bytes.dropFirst().firstIndex(of: UInt8(ascii: " ")), space + 1 < bytes.count else {
            throw TokenizationError.malformed(location: location, reason: "\"\(line)\" is not two pieces with a space between")
        }
        return try merge(left: bytes[..<space], right: bytes[(space + 1)...], table: table, location: location)
    }

    static func merge(
        left: ArraySlice<UInt8>, right: ArraySlice<UInt8>, table: PieceTable, location: String
    ) throws -> Merge {
        guard let leftID = table.id(of: left), let rightID = table.id(of: right) else {
            let missing = String(decoding: table.id(of: left) == nil ? left : right, as: UTF8.self)
            throw TokenizationError.inconsistent(location: location, reason: "\"\(missing)\" is not in the vocabulary")
        }
        return Merge(leftID, rightID)
    }

    /// The merges spelled `"left right"`, as `tokenizer.ggml.merges` has them.
    public var mergeLines: [String] {
        merges.map { pieces[Int($0.left)].text + " " + pieces[Int($0.right)].text }
    }
}
