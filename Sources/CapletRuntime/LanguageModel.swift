import Architectures
import CapletFormat
import Execution
import FormatKit
import Inference
import ModelGraph
import Models
import StrictJSON
import Tokenization

/// A decoder that is ready to generate text. Its weights stay in memory as they are stored: codes, factors, sparse values.
///
///     let model = try LanguageModel(path: "small.caplet")
///     let answer = try model.generate("Once upon a time")
///     while let text = try answer.next() { print(text, terminator: "") }
///
/// A model belongs to one thread at a time; it uses others itself.
public final class LanguageModel {
    /// What makes tokens of text, and text of tokens.
    public let tokenizer: Tokenizer
    /// Tokens that end an answer.
    public let endTokens: Set<Int32>
    /// What makes text of conversations, or why it cannot; nil for a model without a chat template.
    private let chat: Result<ModelChat?, any Error>
    let transformer: Transformer
    let team: WorkerTeam

    /// Opens a `.caplet`.
    ///
    /// - Parameters:
    ///   - path: where it is.
    ///   - threads: 0 stands for all processors; text does not depend on it.
    /// - Throws: `FormatError` and `FileAccessError` for a file that cannot be opened or is damaged; what `init(_:threads:)` throws.
    public convenience init(path: String, threads: Int = 0) throws {
        try self.init(Model(CapletFormat().read(path, ReadContext(execution: ExecutionContext(threads: 1)))), threads: threads)
    }

    /// Makes a model that was opened ready to run; nothing of it is kept but what weights lie in, and the tokenizer.
    ///
    /// - Throws: `ModelError` for an encoder, an unknown architecture and weights that are missing; `GraphError` for weights that cannot
    ///   be computed with; `TokenizationError`; `RuntimeError.noTokenizer`.
    public init(_ model: consuming Model, threads: Int = 0) throws {
        if model.isEncoder { throw ModelError.notCausal }
        guard model.configuration != nil else { throw ModelError.unknownArchitecture(model.graph) }
        guard let tokenizer = try model.tokenizer() else { throw RuntimeError.noTokenizer }
        self.tokenizer = tokenizer
        endTokens = try model.endTokens()
        // Text is continued whatever the template is.
        do { chat = .success(try model.chat()) } catch { chat = .failure(error) }
        team = WorkerTeam(threads: ExecutionContext(threads: threads).threads)
        // What the tokenizer was made of is not needed beside the weights.
        let weights = model.withoutFiles()
        _ = consume model
        transformer = try Transformer(weights, weights: .stored(team))
    }

    /// Tokens that the model was made for, prompt and answer together.
    public var contextLength: Int { transformer.configuration.contextLength }

    /// Bytes that the weights take in memory, or in the mapped file that they lie in.
    public var weightByteCount: Int { transformer.byteCount }

    /// An answer to a prompt, of which nothing is computed yet; the spelling of a special token in it is the token.
    ///
    /// - Throws: `RuntimeError` for an empty prompt or one that leaves no room in the context, and for options out of their range.
    public func generate(_ prompt: String, _ options: GenerationOptions = GenerationOptions()) throws -> Generation {
        try Generation(self, tokenizer.encode(prompt, parseSpecial: true), options)
    }

    /// An answer to a conversation, by the model's chat template.
    ///
    /// - Parameter messages: objects with "role" and "content", the last one the user's.
    /// - Throws: `RuntimeError.noChatTemplate`; `ChatTemplateError`; as the other.
    public func generate(messages: [JSONValue], _ options: GenerationOptions = GenerationOptions()) throws -> Generation {
        try Generation(self, promptTokens(messages), options)
    }

    /// The tokens of a conversation, with what begins an answer.
    func promptTokens(_ messages: [JSONValue]) throws -> [Int32] {
        guard let chat = try chat.get() else { throw RuntimeError.noChatTemplate }
        let text = try chat.text(messages, addsGenerationPrompt: true)
        // A template that writes the token that begins a text has put it there.
        let ids = tokenizer.encode(text, addSpecial: false, parseSpecial: true)
        let begins = ids.first == tokenizer.vocabulary.bosID || !tokenizer.vocabulary.addsBOS
        return begins ? ids : [tokenizer.vocabulary.bosID].compactMap { $0 } + ids
    }

    /// - Throws: `RuntimeError.noChatTemplate`; `ChatTemplateError` for one that cannot be rendered.
    func checkChatTemplate() throws {
        guard try chat.get() != nil else { throw RuntimeError.noChatTemplate }
    }

    /// Most tokens of prompt and answer under these options.
    ///
    /// - Throws: `RuntimeError` for options out of their range.
    func context(_ options: GenerationOptions) throws -> Int {
        try options.check()
        let context = options.context ?? contextLength
        guard context <= contextLength else { throw RuntimeError.contextTooLong(context, limit: contextLength) }
        return context
    }

    /// The same for a prompt that is token ids.
    public func generate(tokens: [Int32], _ options: GenerationOptions = GenerationOptions()) throws -> Generation {
        try Generation(self, tokens, options)
    }
}
