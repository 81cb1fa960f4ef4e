extension Vocabulary {
    /// Reads a SentencePiece BPE model (`tokenizer.model`).
    ///
    /// The file does not say whether BOS and EOS are added: BOS is, as llama.cpp and transformers hold it, unless
    /// `tokenizer_config.json`, given as `configuration`, says otherwise.
    /// - Parameter added: tokens of other files.
    /// - Throws: `TokenizationError`; `.unsupported` for unigram, word and char models.
    public init(sentencePieceModel bytes: [UInt8], configuration: [UInt8]? = nil, added: AddedTokens? = nil) throws {
        let model = try SentencePieceModel(bytes)
        let location = SentencePieceModel.location
        guard model.modelType == 2 else {
            let names: [UInt64: String] = [1: "a unigram model", 3: "a word model", 4: "a char model"]
            let feature = names[model.modelType] ?? "model type \(model.modelType)"
            throw TokenizationError.unsupported(location: "\(location): trainer_spec.model_type", feature: feature)
        }
        if model.treatsSpaceAsSuffix || !model.escapesSpaces {
            throw TokenizationError.unsupported(location: location, feature: "a space that is no ▁ before its word")
        }
        guard !model.pieces.isEmpty else {
            throw TokenizationError.malformed(location: location, reason: "no pieces")
        }
        self.init(kind: .sentencePieceBPE, pieces: model.pieces)
        bosID = Vocabulary.controlID(model.bosPiece, in: pieces)
        eosID = Vocabulary.controlID(model.eosPiece, in: pieces)
        padID = Vocabulary.controlID(model.padPiece, in: pieces)
        unknownID = pieces.firstIndex { $0.role == .unknown }.map(Int32.init)
        addsBOS = bosID != nil
        byteFallback = model.byteFallback
        spacePrefix = model.addsDummyPrefix ? .text : .never
        removesExtraSpaces = model.removesExtraSpaces
        if let map = model.characterMap { normalization = .steps([.map(map)]) }
        if let added { add(added) }
        if let configuration { try apply(TokenizerConfiguration(configuration)) }
        try checkInvariants()
    }

    private static func controlID(_ text: String, in pieces: [Piece]) -> Int32? {
        pieces.firstIndex { $0.role == .control && $0.text.utf8.elementsEqual(text.utf8) }.map(Int32.init)
    }

    /// The vocabulary as a SentencePiece model (`tokenizer.model`).
    ///
    /// - Throws: `TokenizationError.notRepresentable` for byte-level vocabularies and for those without an unknown
    ///   piece, which SentencePiece refuses to load.
    public func sentencePieceModel() throws -> [UInt8] {
        let form = SentencePieceModel.location
        guard kind != .byteLevelBPE else {
            throw TokenizationError.notRepresentable(form: form, reason: "it is byte-level BPE")
        }
        var map: CharacterMap?
        switch normalization {
        case .none: break
        case .steps(let steps) where steps.count == 1 && steps[0].sentencePieceMap != nil: map = steps[0].sentencePieceMap
        default:
            throw TokenizationError.notRepresentable(
                form: form, reason: "it normalizes text in a way that is no map of characters")
        }
        guard pieces.filter({ $0.role == .unknown }).count == 1 else {
            throw TokenizationError.notRepresentable(form: form, reason: "SentencePiece wants one unknown piece")
        }
        let source = kind == .mergesBPE ? try scoredByMerges() : self
        var model = ProtobufWriter()
        for piece in source.pieces {
            var message = ProtobufWriter()
            message.write(1, string: piece.text)
            message.write(2, float: piece.score)
            if piece.role != .normal { message.write(3, integer: piece.role.rawValue) }
            model.write(1, bytes: message.bytes)
        }
        model.write(2, bytes: trainerSpecification())
        var normalizer = ProtobufWriter()
        normalizer.write(1, string: map == nil ? "identity" : "user_defined")
        normalizer.write(2, bytes: map?.bytes ?? [])
        normalizer.write(3, bool: spacePrefix != .never)
        normalizer.write(4, bool: removesExtraSpaces)
        model.write(3, bytes: normalizer.bytes)
        return model.bytes
    }

    private func trainerSpecification() -> [UInt8] {
        var trainer = ProtobufWriter()
        trainer.write(3, integer: 2)
        trainer.write(4, integer: Int32(clamping: count))
        trainer.write(35, bool: byteFallback)
        for (field, id) in [(40, unknownID), (41, bosID), (42, eosID), (43, padID)] {
            trainer.write(field, integer: id ?? -1)
        }
        for (field, id) in [(45, unknownID), (46, bosID), (47, eosID), (48, padID)] {
            if let id { trainer.write(field, string: pieces[Int(id)].text) }
        }
        return trainer.bytes
    }
}
