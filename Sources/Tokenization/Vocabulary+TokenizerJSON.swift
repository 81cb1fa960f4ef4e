import StrictJSON

extension Vocabulary {
    /// Reads a Hugging Face fast tokenizer (`tokenizer.json`): BPE with byte fallback, or byte-level BPE.
    ///
    /// - Parameter configuration: the bytes of `tokenizer_config.json`, which names BOS, EOS and padding where the
    ///   tokenizer itself does not.
    /// - Throws: `TokenizationError`; `.unsupported` names the model, normalizer or pattern that is not known here.
    public init(tokenizerJSON bytes: [UInt8], configuration: [UInt8]? = nil) throws {
        self = try TokenizerJSONReader(bytes).vocabulary()
        if let configuration { try apply(TokenizerConfiguration(configuration)) }
        try checkInvariants()
    }

    /// The vocabulary as a Hugging Face fast tokenizer (`tokenizer.json`).
    ///
    /// A scored vocabulary gets the merges that its scores imply.
    /// - Throws: `TokenizationError.notRepresentable` where extra spaces are dropped, or SentencePiece's map of characters is used.
    public func tokenizerJSON() throws -> [UInt8] {
        guard !removesExtraSpaces else {
            throw TokenizationError.notRepresentable(form: TokenizerJSONReader.location, reason: "it drops extra spaces")
        }
        guard normalization.steps.allSatisfy({ $0.json != nil }) else {
            throw TokenizationError.notRepresentable(form: TokenizerJSONReader.location, reason: "it maps characters as SentencePiece does")
        }
        try checkInvariants()
        let source = withImpliedMerges()
        let document: JSONValue = [
            "version": "1.0",
            "truncation": nil,
            "padding": nil,
            "added_tokens": source.addedTokensJSON(),
            "normalizer": source.normalizerJSON(),
            "pre_tokenizer": source.preTokenizerJSON(),
            "post_processor": source.postProcessorJSON(),
            "decoder": source.decoderJSON(),
            "model": source.modelJSON(),
        ]
        return document.serialized()
    }

    private func addedTokensJSON() -> JSONValue {
        let special: [Piece.Role] = [.control, .unknown]
        return .array(
            pieces.enumerated().filter { special.contains($0.element.role) || $0.element.role == .userDefined }.map { id, piece in
                [
                    "id": JSONValue(Int32(id)), "content": .string(piece.text),
                    "single_word": .bool(piece.matching.contains(.wholeWord)),
                    "lstrip": .bool(piece.stripping.contains(.before)), "rstrip": .bool(piece.stripping.contains(.after)),
                    "normalized": .bool(piece.matching.contains(.normalized)), "special": .bool(special.contains(piece.role)),
                ]
            })
    }

    /// Unused pieces keep their ids; no merge leads to them.
    private func modelJSON() -> JSONValue {
        let entries = pieces.enumerated().map { id, piece in (key: piece.text, value: JSONValue(Int32(id))) }
        let pairs = merges.map { merge -> JSONValue in
            [.string(pieces[Int(merge.left)].text), .string(pieces[Int(merge.right)].text)]
        }
        let isByteLevel = kind == .byteLevelBPE
        return [
            "type": "BPE", "dropout": nil,
            "unk_token": unknownID.map { .string(pieces[Int($0)].text) } ?? .null,
            "continuing_subword_prefix": nil, "end_of_word_suffix": nil, "fuse_unk": .bool(!isByteLevel),
            "byte_fallback": .bool(!isByteLevel && byteFallback), "ignore_merges": .bool(ignoresMerges),
            "vocab": .object(JSONObject(entries)), "merges": .array(pairs),
        ]
    }
}

/// The text processing around the model of a `tokenizer.json`.
extension Vocabulary {
    private var usesMetaspace: Bool { kind != .byteLevelBPE && !(spacePrefix != .never && prefixesSpace) }

    fileprivate func normalizerJSON() -> JSONValue {
        var steps = normalization.steps.compactMap(\.json)
        if kind != .byteLevelBPE, !usesMetaspace {
            steps.append(["type": "Prepend", "prepend": "▁"])
            steps.append(["type": "Replace", "pattern": ["String": " "], "content": "▁"])
        }
        return steps.count > 1 ? ["type": "Sequence", "normalizers": .array(steps)] : steps.first ?? .null
    }

    fileprivate func preTokenizerJSON() -> JSONValue {
        guard kind == .byteLevelBPE else {
            guard usesMetaspace else { return .null }
            let scheme: JSONValue =
                switch spacePrefix {
                case .never: "never"
                case .text, .firstSegment: "first"
                case .everySegment: "always"
                }
            return ["type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false]
        }
        var steps = preTokenizer?.steps ?? []
        if spacePrefix != .never, case .byteLevel(_, let usesPattern) = steps.first {
            steps[0] = .byteLevel(addsPrefixSpace: true, usesPattern: usesPattern)
        }
        return steps.count == 1 ? steps[0].json : ["type": "Sequence", "pretokenizers": .array(steps.map(\.json))]
    }

    fileprivate func postProcessorJSON() -> JSONValue {
        let byteLevel: JSONValue = [
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true,
        ]
        let special = [addsBOS ? bosID : nil, addsEOS ? eosID : nil]
        let ids = special.compactMap { $0 }
        guard !ids.isEmpty else { return kind == .byteLevelBPE ? byteLevel : .null }
        func item(_ id: Int32, _ type: Int32) -> JSONValue {
            ["SpecialToken": ["id": .string(pieces[Int(id)].text), "type_id": JSONValue(type)]]
        }
        func text(_ name: String, _ type: Int32) -> [JSONValue] {
            let sequence: JSONValue = ["Sequence": ["id": .string(name), "type_id": JSONValue(type)]]
            return (special[0].map { [item($0, type)] } ?? []) + [sequence] + (special[1].map { [item($0, type)] } ?? [])
        }
        let tokens = Set(ids).sorted().map { id -> (key: String, value: JSONValue) in
            let text = JSONValue.string(pieces[Int(id)].text)
            return (pieces[Int(id)].text, ["id": text, "ids": [JSONValue(id)], "tokens": [text]])
        }
        let template: JSONValue = [
            "type": "TemplateProcessing", "single": .array(text("A", 0)), "pair": .array(text("A", 0) + text("B", 1)),
            "special_tokens": .object(JSONObject(tokens)),
        ]
        return kind == .byteLevelBPE ? ["type": "Sequence", "processors": [byteLevel, template]] : template
    }

    fileprivate func decoderJSON() -> JSONValue {
        if kind == .byteLevelBPE {
            return ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true]
        }
        var steps: [JSONValue] = [
            ["type": "Replace", "pattern": ["String": "▁"], "content": " "], ["type": "ByteFallback"], ["type": "Fuse"],
        ]
        if spacePrefix != .never {
            steps.append(["type": "Strip", "content": " ", "start": JSONValue(1), "stop": JSONValue(0)])
        }
        return ["type": "Sequence", "decoders": .array(steps)]
    }
}
