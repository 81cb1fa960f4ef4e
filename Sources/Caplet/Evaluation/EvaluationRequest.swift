import Calibration
import Dispatch
import Inference
import ModelGraph
import Models
import TextInput

/// Measures a model's loss on text or token ids, its answers to questions, or how far an encoder's embeddings are from another's.
public struct EvaluationRequest: Request {
    /// What the model is measured on.
    public enum Source: Sendable, Equatable {
        /// UTF-8 text, in windows of so many tokens without overlap; nil for the model's context, at most 2048. Of an encoder each line is a
        /// sentence.
        case text(TextSource, context: Int? = nil, specialTokens: SpecialTokens = .asTokens)
        /// A .npy file of token ids, [rows, length] or [length]; each row is scored by itself.
        case tokens(String)
        /// A .jsonl file of questions with choices; for an encoder that sorts texts into classes a .tsv or .jsonl file of GLUE.
        case task(String)

        /// A text file, in windows of so many tokens.
        public static func text(_ path: String, context: Int? = nil) -> Source {
            .text(TextSource(path), context: context, specialTokens: .asTokens)
        }
    }

    /// A file or a folder.
    public var model: String
    /// What it is measured on.
    public var source: Source
    /// Score only the first of the sequences, this many; nil for all.
    public var sequences: Int?
    /// The model that this one was made from, to compare predictions with, or an encoder's embeddings.
    public var original: String?
    /// The model's format; nil to look at it.
    public var format: String?

    /// A request with what has no default.
    public init(model: String, source: Source) {
        self.model = model
        self.source = source
    }

    /// - Throws: `RequestError` for a model that cannot be measured so; what reading and running it throw.
    public func perform(in context: RequestContext) throws -> Evaluation {
        try check()
        context.willRead(paths + [original])
        let opened = try context.open(model, from: format).model
        let transformer = try context.naming(model) { try Transformer(opened, weights: .openBLAS) }
        if case .task(let path) = source {
            return try TaskEvaluation(path: path, modelPath: model).run(transformer, opened, context)
        }
        var (tokens, size) = try sequences(opened, transformer, context)
        if let sequences { tokens = TokenSequences(Array(tokens.sequences.prefix(sequences))) }
        let start = DispatchTime.now().uptimeNanoseconds
        func elapsed() -> Double { Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9 }
        guard transformer.isCausal || original == nil && transformer.hasHead else {
            return .embeddings(try embeddingDistance(transformer, tokens, context))
        }
        if let original {
            let divergence = try divergence(transformer, from: original, tokens, context)
            guard divergence.loss.meanLoss.isFinite else { throw GraphError.notFinite("\(model): the loss") }
            return .loss(
                LossEvaluation(
                    perplexity: divergence.loss, sequences: tokens.sequences.count, isCausal: true, size: size, divergence: divergence,
                    seconds: elapsed()))
        }
        let perplexity = try context.naming(model) {
            transformer.isCausal
                ? try Perplexity(of: transformer, over: tokens, context.execution)
                : try maskedTokenPerplexity(transformer, opened, tokens, context)
        }
        guard perplexity.meanLoss.isFinite else { throw GraphError.notFinite("\(model): the loss") }
        return .loss(
            LossEvaluation(
                perplexity: perplexity, sequences: tokens.sequences.count, isCausal: transformer.isCausal, size: size, divergence: nil,
                seconds: elapsed()))
    }

    private func check() throws {
        if case .text(_, let length, _) = source { try CountRange.check("the context", length, from: 2) }
        try CountRange.check("the number of sequences", sequences, from: 1)
        if case .task = source, sequences != nil || original != nil {
            throw RequestError(.usage, "questions are all asked, and of one model: a number of sequences and an original go with text")
        }
    }

    private var paths: [String] {
        switch source {
        case .text(let source, _, _): return source.filePaths
        case .tokens(let path), .task(let path): return [path]
        }
    }

    private func sequences(
        _ model: Model, _ transformer: Transformer, _ context: RequestContext
    ) throws -> (sequences: TokenSequences, size: TextSize?) {
        guard case .text(let source, let length, let special) = source else {
            let tokens = try TokenFile.read(paths[0], context)
            context.warnOfContext(tokens.sequences.map(\.count).max() ?? 0, transformer.configuration, paths[0])
            return (tokens, nil)
        }
        let window = TokenisedText.windowLength(length, transformer.configuration)
        context.warnOfContext(window, transformer.configuration, model.isEncoder ? "a sentence" : "a window")
        let text = try TokenisedText(source, model, windowLength: window, specialTokens: special, context)
        return (text.sequences, text.size)
    }

    private func maskedTokenPerplexity(
        _ transformer: Transformer, _ model: Model, _ sequences: TokenSequences, _ context: RequestContext
    ) throws -> Perplexity {
        guard let tokenizer = try model.sentenceTokenizer(), let mask = tokenizer.maskID else {
            throw RequestError(.unsupported, "\(self.model): its tokenizer has no token that masks others")
        }
        let loss = MaskedTokenLoss(mask: mask, special: Set([tokenizer.firstID, tokenizer.lastID].compactMap { $0 }))
        return Perplexity(sequenceLosses: try loss.sequenceLosses(of: transformer, over: sequences, context.execution))
    }

    /// How far the predictions are from another model's.
    ///
    /// - Throws: `RequestError` for a model of another vocabulary, or an encoder.
    private func divergence(
        _ transformer: Transformer, from original: String, _ tokens: TokenSequences, _ context: RequestContext
    ) throws -> PredictionDivergence {
        let reference = try context.naming(original) { try Transformer(context.open(original).model, weights: .openBLAS) }
        let (size, originalSize) = (transformer.configuration.vocabularySize, reference.configuration.vocabularySize)
        guard reference.isCausal, size == originalSize else {
            let found = reference.isCausal ? "has a vocabulary of \(originalSize) tokens, \(model) one of \(size)" : "is an encoder"
            throw RequestError(.usage, "\(original): \(found); predictions are compared token by token")
        }
        return try context.naming(model) { try PredictionDivergence(of: transformer, from: reference, over: tokens, context.execution) }
    }

    private func embeddingDistance(
        _ transformer: Transformer, _ sequences: TokenSequences, _ context: RequestContext
    ) throws -> EmbeddingEvaluation {
        guard let original else {
            let what =
                transformer.isClassifier
                ? "the model sorts texts into classes, which a task has, and predicts no tokens"
                : "the model is an encoder without a head, which predicts nothing"
            throw RequestError(.usage, what, remedy: .giveOriginal)
        }
        let reference = try context.naming(original) { try Transformer(context.open(original).model, weights: .openBLAS) }
        let distances = try context.naming(model) {
            try EmbeddingDistance.distances(of: transformer, from: reference, over: sequences, context.execution)
        }
        return EmbeddingEvaluation(distances)
    }
}

/// What an evaluation found.
public enum Evaluation: Sendable {
    case loss(LossEvaluation)
    case task(TaskResult)
    case sentences(SentenceTaskResult)
    case embeddings(EmbeddingEvaluation)
}

/// A model's loss over token sequences.
public struct LossEvaluation: Sendable {
    /// Mean loss in nats a token, perplexity, standard errors.
    public let perplexity: Perplexity
    /// Sequences that were scored.
    public let sequences: Int
    /// Whether tokens were predicted from those before them; otherwise every token was filled in once, with every seventh masked.
    public let isCausal: Bool
    /// Of the whole text; nil for token ids.
    public let size: TextSize?
    /// The predictions beside those of the model that this one was made from; nil where that was not given.
    public let divergence: PredictionDivergence?
    /// Time of the measuring.
    public let seconds: Double
}

/// How far an encoder's embeddings are from those of the model that it was made from: one less their cosine, for each sentence.
public struct EmbeddingEvaluation: Sendable {
    /// The mean over sentences.
    public let meanDistance: Double
    /// Nil for a single sentence.
    public let standardError: Double?
    /// The largest of any sentence.
    public let largestDistance: Double
    /// Sentences that were embedded.
    public let sentences: Int

    init(_ distances: [Double]) {
        let summary = Perplexity(sequenceLosses: distances.map { (sum: $0, count: 1) })
        (meanDistance, standardError) = (summary.meanLoss, summary.standardError)
        largestDistance = distances.max() ?? 0
        sentences = distances.count
    }
}
