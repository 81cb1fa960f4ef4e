import Execution
import Inference

/// One answer, token by token: each call of `next` runs the model once, the first one on the whole prompt.
public final class Generation {
    /// Why an answer ended.
    public enum End: String {
        /// The model ended it with this token.
        case endOfSequence = "end-of-sequence"
        case maxTokens = "max-tokens"
        /// Prompt and answer fill the context.
        case context
    }

    /// The tokens of the prompt.
    public let promptTokens: [Int32]
    /// The answer's tokens so far, without the one that ended it.
    public private(set) var tokens: [Int32] = []
    /// Nil while there may be more.
    public private(set) var end: End?
    /// The token that ended the answer.
    public private(set) var endToken: Int32?

    private let model: LanguageModel
    private let options: GenerationOptions
    private let cache: KeyValueCache
    private var sampler: Sampler
    private var stream = TextStream()

    init(_ model: LanguageModel, _ prompt: [Int32], _ options: GenerationOptions) throws {
        try options.check()
        guard !prompt.isEmpty else { throw RuntimeError.emptyPrompt }
        let context = options.context ?? model.contextLength
        guard context <= model.contextLength else { throw RuntimeError.contextTooLong(context, limit: model.contextLength) }
        guard prompt.count < context else { throw RuntimeError.promptTooLong(tokens: prompt.count, context: context) }
        self.model = model
        self.options = options
        promptTokens = prompt
        cache = try model.transformer.makeCache(context: context, team: model.team)
        sampler = Sampler(options)
    }

    /// Bytes that the keys and values of prompt and answer take.
    public var cacheByteCount: Int { cache.byteCount }

    /// The text of the next tokens, as few as give any; nil when the answer has ended.
    ///
    /// - Throws: `Cancelled`; `ModelError.badToken` for a prompt of ids that the model does not have; `GraphError` for rows of embeddings
    ///   that are not finite.
    public func next() throws -> String? {
        while let token = try nextToken() {
            let text = stream.add(model.tokenizer.bytes(of: token))
            if !text.isEmpty { return text }
        }
        let rest = stream.finish()
        return rest.isEmpty ? nil : rest
    }

    /// The next token; nil when the answer has ended.
    ///
    /// - Throws: as `next`.
    public func nextToken() throws -> Int32? {
        guard end == nil else { return nil }
        guard tokens.count < options.maxTokens else {
            end = .maxTokens
            return nil
        }
        let entering = tokens.last.map { [$0] } ?? promptTokens
        guard cache.count + entering.count <= cache.context else {
            end = .context
            return nil
        }
        try options.cancellation.check()
        let logits = try model.transformer.logits(after: entering, cache, cancellation: options.cancellation)
        let token = sampler.token(from: logits)
        guard !model.endTokens.contains(token) else {
            (end, endToken) = (.endOfSequence, token)
            return nil
        }
        tokens.append(token)
        return token
    }
}
