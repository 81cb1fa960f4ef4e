import FormatKit
import ModelGraph
import StrictJSON
import Synchronization
import Tokenization

/// The tokenizer of a decoder, and what a user is told of the choice of its file.
struct DecoderTokenizer: Sendable {
    /// Nil for a model without.
    let tokenizer: Tokenizer?
    let warning: String?
}

/// The tokenizers among a model's files, each made when it is first asked for.
final class ModelTokenizers: Sendable {
    let decoders: Once<DecoderTokenizer>
    let encoders: Once<(any SentenceTokenizer)?>
    let ends: Once<Set<Int32>>
    let chat: Once<ModelChat?>

    init(_ graph: TensorGraph) {
        let files = graph.attachments
        let decoders = Once { try ModelTokenizers.decoderTokenizer(files) }
        self.decoders = decoders
        encoders = Once { try ModelTokenizers.encoderTokenizer(files) }
        ends = Once { try ModelTokenizers.endTokens(files, decoders.get().tokenizer) }
        chat = Once { try ModelChat(files, decoders.get().tokenizer) }
    }

    private static func bytes(_ name: String, _ files: [Attachment]) -> [UInt8]? { files.first { $0.name == name }?.bytes }

    private static func encoderTokenizer(_ files: [Attachment]) throws -> (any SentenceTokenizer)? {
        if let json = bytes("tokenizer.json", files) {
            if UnigramTokenizer.isModel(ofTokenizerJSON: json) { return try UnigramTokenizer(tokenizerJSON: json) }
            return try BytePairSentenceTokenizer.isModel(ofTokenizerJSON: json)
                ? BytePairSentenceTokenizer(tokenizerJSON: json) : WordPieceTokenizer(tokenizerJSON: json)
        }
        if let model = bytes("spm.model", files) {
            return try UnigramTokenizer(sentencePieceModel: model, around: ("[CLS]", "[SEP]"), added: ["[MASK]"])
        }
        if let pieces = bytes("vocab.json", files), let merges = bytes("merges.txt", files) {
            return try BytePairSentenceTokenizer(
                vocabularyJSON: pieces, mergesText: merges, configuration: bytes("tokenizer_config.json", files))
        }
        return try bytes("vocab.txt", files).map {
            try WordPieceTokenizer(vocabularyText: $0, configuration: bytes("tokenizer_config.json", files))
        }
    }

    private static func decoderTokenizer(_ files: [Attachment]) throws -> DecoderTokenizer {
        let found = Vocabulary.Files { name in files.first { $0.name == name }?.bytes }
        let model = bytes("tokenizer.model", files)
        do {
            let tokenizer = try Vocabulary.ofDecoder(found, preferring: .fast).map(Tokenizer.init)
            guard let tokenizer, let model, bytes("tokenizer.json", files) != nil,
                let difference = tokenizer.vocabulary.disagreement(sentencePieceModel: model)
            else { return DecoderTokenizer(tokenizer: tokenizer, warning: nil) }
            return DecoderTokenizer(tokenizer: tokenizer, warning: difference)
        } catch {
            // What tokenizer.json says otherwise than is known here, tokenizer.model may say as well.
            guard model != nil, bytes("tokenizer.json", files) != nil,
                let vocabulary = try? Vocabulary.ofDecoder(found, preferring: .sentencePiece)
            else { throw error }
            return DecoderTokenizer(tokenizer: try Tokenizer(vocabulary), warning: "\(error); tokenizer.model is taken in its place")
        }
    }

    private static func endTokens(_ files: [Attachment], _ tokenizer: Tokenizer?) throws -> Set<Int32> {
        for name in ["generation_config.json", "config.json"] {
            guard let file = bytes(name, files) else { continue }
            let json = try JSONValue(parsing: file, path: name, object: name, takesInfinity: true)
            let value = json["eos_token_id"] ?? json["text_config"]?["eos_token_id"]
            let ids = (value?.array ?? [value].compactMap { $0 }).compactMap { $0.integer.flatMap(Int32.init(exactly:)) }
            if !ids.isEmpty { return Set(ids) }
        }
        return tokenizer?.vocabulary.eosID.map { [$0] } ?? []
    }
}

/// A value that is made once, when it is first asked for, from any thread; what its making threw is thrown each time.
final class Once<Value: Sendable>: Sendable {
    private let state: Mutex<Result<Value, any Error>?>
    private let make: @Sendable () throws -> Value

    init(_ make: @escaping @Sendable () throws -> Value) {
        self.make = make
        state = Mutex(nil)
    }

    func get() throws -> Value {
        try state.withLock { state in
            let result = state ?? Result(catching: make)
            state = result
            return try result.get()
        }
    }
}
