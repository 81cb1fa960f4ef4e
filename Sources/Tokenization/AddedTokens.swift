import StrictJSON

/// Tokens that a model's files have beside those of the tokenizer's own: each with the id that it has, or takes over.
public struct AddedTokens: Sendable {
    private(set) var tokens: [(id: Int32, piece: Piece)] = []

    /// Those of `tokenizer.json` and of `added_tokens.json`, which comes first where they disagree. What `tokenizer_config.json` adds, a
    /// vocabulary takes from it with all else that this says.
    ///
    /// - Throws: `TokenizationError.malformed`.
    public init(tokenizerJSON: [UInt8]? = nil, addedTokensJSON: [UInt8]? = nil) throws {
        var found: [Int32: Piece] = [:]
        if let tokenizerJSON { for token in try TokenizerJSONReader(tokenizerJSON).addedTokens() { found[token.id] = token.piece } }
        if let addedTokensJSON {
            for (text, value) in try AddedTokens.object(addedTokensJSON, "added_tokens.json") {
                guard let id = value.int32, id >= 0, !text.isEmpty else {
                    throw TokenizationError.malformed(location: "added_tokens.json", reason: "'\(text)' has no id")
                }
                // The file does not say whether a token is special.
                if found[id].map({ !$0.text.utf8.elementsEqual(text.utf8) }) ?? true { found[id] = Piece(text, role: .userDefined) }
            }
        }
        tokens = found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    init(_ tokens: [(id: Int32, piece: Piece)]) { self.tokens = tokens }

    private static func object(_ bytes: [UInt8], _ location: String) throws -> JSONObject {
        guard let object = try JSONValue(bytes, location: location).object else {
            throw TokenizationError.malformed(location: location, reason: "it is no object")
        }
        return object
    }
}

extension Vocabulary {
    /// Puts added tokens at their ids: behind the pieces, with unused ones between, or in place of a piece of another text. What would leave a
    /// long gap is passed over.
    public mutating func add(_ added: AddedTokens) {
        let limit = min(pieces.count + added.tokens.count + 65536, Vocabulary.maximumCount)
        for (id, piece) in added.tokens where id >= 0 && Int(id) < limit {
            while pieces.count <= Int(id) { pieces.append(Piece("[PAD\(pieces.count)]", role: .unused)) }
            let own = pieces[Int(id)]
            if !own.text.utf8.elementsEqual(piece.text.utf8) {
                pieces[Int(id)] = piece
                pieces[Int(id)].score = own.score
            } else if [.normal, .unused, .userDefined].contains(own.role) {
                pieces[Int(id)].role = piece.role
                pieces[Int(id)].stripping = piece.stripping
                pieces[Int(id)].matching = piece.matching
            }
        }
    }
}
