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
        /// One of `GenerationOptions.stops` came.
        case stop
    }

    /// The tokens of the prompt.
    public let promptTokens: [Int32]
    /// How many of them a conversation's cache had already; known when the first token is.
    public private(set) var reusedTokenCount = 0
    /// The answer's tokens so far, without the one that ended it; those of a text that it stopped at are among them.
    public private(set) var tokens: [Int32] = []
    /// Nil while there may be more.
    public private(set) var end: End?
    /// The token that ended the answer.
    public private(set) var endToken: Int32?

    private let model: LanguageModel
    private let options: GenerationOptions
    private let cached: CachedTokens
    private var cache: KeyValueCache { cached.cache }
    private var sampler: Sampler
    private var stream = TextStream()
    private var stops: StopTexts
    /// Text of tokens that `next` has not given out.
    private var pending = ""

    /// - Parameter cached: a cache that nothing else uses before the answer has ended; nil for one of its own.
    init(_ model: LanguageModel, _ prompt: [Int32], _ options: GenerationOptions, cached: CachedTokens? = nil) throws {
        let context = try model.context(options)
        guard !prompt.isEmpty else { throw RuntimeError.emptyPrompt }
        guard prompt.count < context else { throw RuntimeError.promptTooLong(tokens: prompt.count, context: context) }
        self.model = model
        self.options = options
        promptTokens = prompt
        self.cached = try cached ?? CachedTokens(model.transformer.makeCache(context: context, team: model.team))
        sampler = Sampler(options)
        stops = StopTexts(options.stops)
    }

    /// Bytes that the keys and values of prompt and answer take.
    public var cacheByteCount: Int { cache.byteCount }

    /// The text of the next tokens, as few as give any; nil when the answer has ended.
    ///
    /// - Throws: `Cancelled`; `ModelError.badToken` for a prompt of ids that the model does not have; `GraphError` for rows of embeddings
    ///   that are not finite.
    public func next() throws -> String? {
        while pending.isEmpty, try nextToken() != nil {}
        if pending.isEmpty, end != nil { pending = stops.add(stream.finish()) + stops.finish() }
        defer { pending = "" }
        return pending.isEmpty ? nil : pending
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
        let isFirst = tokens.isEmpty
        let runBefore = isFirst ? cached.keepPrefix(of: promptTokens) : cache.count
        if isFirst { reusedTokenCount = runBefore }
        let entering = tokens.last.map { [$0] } ?? Array(promptTokens[runBefore...])
        guard cache.count + entering.count <= cache.context else {
            end = .context
            return nil
        }
        try options.cancellation.check()
        let logits = try cached.logits(after: entering, model.transformer, cancellation: options.cancellation)
        let token = sampler.token(from: logits, after: cached.tokens[...])
        guard !model.endTokens.contains(token) else {
            (end, endToken) = (.endOfSequence, token)
            return nil
        }
        tokens.append(token)
        pending += stops.add(stream.add(model.tokenizer.bytes(of: token)))
        if stops.isFound { end = .stop }
        return token
    }
}
