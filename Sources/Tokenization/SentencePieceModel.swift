/// The messages of `tokenizer.model` (sentencepiece_model.proto), as far as BPE and unigram models need them.
struct SentencePieceModel {
    static let location = "tokenizer.model"

    var pieces: [Piece] = []
    /// trainer_spec.model_type: 1 unigram (the default), 2 BPE, 3 word, 4 char.
    var modelType: UInt64 = 1
    var byteFallback = false
    var treatsSpaceAsSuffix = false
    var bosPiece = "<s>"
    var eosPiece = "</s>"
    var padPiece = "<pad>"
    var normalizerName = ""
    /// Nil where characters stay as they are.
    var characterMap: CharacterMap?
    var addsDummyPrefix = true
    var removesExtraSpaces = true
    var escapesSpaces = true

    init(_ bytes: [UInt8]) throws {
        var reader = ProtobufReader(bytes[...], location: SentencePieceModel.location)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let bytes)): try readPiece(bytes)
            case (2, .bytes(let bytes)): try readTrainer(bytes)
            case (3, .bytes(let bytes)): try readNormalizer(bytes)
            case (5, .bytes(let bytes)): try readDenormalizer(bytes)
            case (1, _), (2, _), (3, _), (5, _): throw reader.malformed("field \(field) is no message")
            default: break
            }
        }
    }

    private mutating func readPiece(_ bytes: ArraySlice<UInt8>) throws {
        let location = "\(SentencePieceModel.location): piece \(pieces.count)"
        guard pieces.count < Vocabulary.maximumCount else {
            throw TokenizationError.malformed(location: location, reason: "more than \(Vocabulary.maximumCount) pieces")
        }
        var reader = ProtobufReader(bytes, location: location)
        var piece = Piece("")
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let text)): piece.text = try string(text, location)
            case (2, .fixed32(let bits)): piece.score = Float(bitPattern: bits)
            case (3, .varint(let number)):
                guard let role = Piece.Role(rawValue: Int32(truncatingIfNeeded: number)), number < 7 else {
                    throw TokenizationError.malformed(location: location, reason: "type \(number) is none of 1 to 6")
                }
                piece.role = role
            case (1...3, _): throw reader.malformed("field \(field) has the wrong wire type")
            default: break
            }
        }
        guard !piece.text.isEmpty else { throw TokenizationError.malformed(location: location, reason: "it is empty") }
        pieces.append(piece)
    }

    private mutating func readTrainer(_ bytes: ArraySlice<UInt8>) throws {
        let location = "\(SentencePieceModel.location): trainer_spec"
        var reader = ProtobufReader(bytes, location: location)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (3, .varint(let type)): modelType = type
            case (24, .varint(let flag)): treatsSpaceAsSuffix = flag != 0
            case (35, .varint(let flag)): byteFallback = flag != 0
            case (46, .bytes(let text)): bosPiece = try string(text, location)
            case (47, .bytes(let text)): eosPiece = try string(text, location)
            case (48, .bytes(let text)): padPiece = try string(text, location)
            default: break
            }
        }
    }

    private mutating func readNormalizer(_ bytes: ArraySlice<UInt8>) throws {
        let location = "\(SentencePieceModel.location): normalizer_spec"
        var reader = ProtobufReader(bytes, location: location)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let text)): normalizerName = try string(text, location)
            case (2, .bytes(let map)): characterMap = map.isEmpty ? nil : try CharacterMap(map, location: location)
            case (3, .varint(let flag)): addsDummyPrefix = flag != 0
            case (4, .varint(let flag)): removesExtraSpaces = flag != 0
            case (5, .varint(let flag)): escapesSpaces = flag != 0
            default: break
            }
        }
    }

    private func readDenormalizer(_ bytes: ArraySlice<UInt8>) throws {
        let location = "\(SentencePieceModel.location): denormalizer_spec"
        var reader = ProtobufReader(bytes, location: location)
        while let (field, value) = try reader.next() {
            if case (2, .bytes(let map)) = (field, value), !map.isEmpty {
                throw TokenizationError.unsupported(location: location, feature: "a denormalizer")
            }
        }
    }

    private func string(_ bytes: ArraySlice<UInt8>, _ location: String) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TokenizationError.malformed(location: location, reason: "text that is no UTF-8")
        }
        return text
    }
}
