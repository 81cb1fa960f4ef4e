import StrictJSON

/// What `tokenizer_config.json` says beside the tokenizer: the names of special tokens and which are added.
struct TokenizerConfiguration {
    static let location = "tokenizer_config.json"

    var names: [String: String] = [:]
    var addsBOS: Bool?
    var addsEOS: Bool?
    /// Tokens by id, some of them beyond those that the tokenizer's own file has.
    var addedTokens: [(id: Int32, piece: Piece)] = []

    init(_ bytes: [UInt8]) throws {
        let root = try JSONValue(bytes, location: TokenizerConfiguration.location)
        guard root.object != nil else {
            throw TokenizationError.malformed(location: TokenizerConfiguration.location, reason: "it is no object")
        }
        for key in ["bos_token", "eos_token", "unk_token", "pad_token"] {
            // A name is a string, or an object that describes an added token.
            if let name = root[key]?.string ?? root[key]?["content"]?.string { names[key] = name }
        }
        addsBOS = root["add_bos_token"]?.bool
        addsEOS = root["add_eos_token"]?.bool
        for (key, token) in root["added_tokens_decoder"]?.object ?? JSONObject([]) {
            guard let id = Int32(key), id >= 0, let text = token["content"]?.string, !text.isEmpty else {
                throw TokenizationError.malformed(
                    location: "\(TokenizerConfiguration.location): added_tokens_decoder", reason: "'\(key)' is no id with a content")
            }
            var stripping: Piece.Stripping = []
            if token["lstrip"]?.bool == true { stripping.insert(.before) }
            if token["rstrip"]?.bool == true { stripping.insert(.after) }
            let isSpecial = token["special"]?.bool == true
            var matching: Piece.Matching = token["single_word"]?.bool == true ? .wholeWord : []
            if token["normalized"]?.bool == true { matching.insert(.normalized) }
            let role: Piece.Role = isSpecial ? .control : .userDefined
            addedTokens.append((id, Piece(text, role: role, stripping: stripping, matching: matching)))
        }
        addedTokens.sort { $0.id < $1.id }
    }
}

extension Vocabulary {
    /// Takes over what `tokenizer_config.json` says; names that are no pieces are passed over.
    mutating func apply(_ configuration: TokenizerConfiguration) {
        add(AddedTokens(configuration.addedTokens))
        let table = PieceTable(pieces) { _ in true }
        func id(_ key: String) -> Int32? { configuration.names[key].flatMap { table.id(of: $0) } }
        bosID = id("bos_token") ?? bosID
        eosID = id("eos_token") ?? eosID
        padID = id("pad_token") ?? padID
        unknownID = id("unk_token") ?? unknownID
        if let unknownID, kind != .byteLevelBPE, pieces[Int(unknownID)].role == .control {
            pieces[Int(unknownID)].role = .unknown
        }
        if let adds = configuration.addsBOS { addsBOS = adds && bosID != nil }
        if let adds = configuration.addsEOS { addsEOS = adds && eosID != nil }
    }

    /// The `tokenizer_config.json` that goes with `tokenizerJSON()`: transformers then takes the latter as it is.
    public func tokenizerConfigurationJSON() -> [UInt8] {
        var members: [(key: String, value: JSONValue)] = [
            ("tokenizer_class", "PreTrainedTokenizerFast"), ("clean_up_tokenization_spaces", false),
        ]
        for (key, id) in [("bos_token", bosID), ("eos_token", eosID), ("unk_token", unknownID), ("pad_token", padID)] {
            if let id { members.append((key, .string(pieces[Int(id)].text))) }
        }
        members.append(("add_bos_token", .bool(addsBOS)))
        members.append(("add_eos_token", .bool(addsEOS)))
        return JSONValue.object(JSONObject(members)).serialized()
    }
}
