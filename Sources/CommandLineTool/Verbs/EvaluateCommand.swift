import ArgumentParser
import Calibration
import Dispatch
import Execution
import FormatKit
import ModelGraph
import TransformerModel

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure a model's loss and perplexity on text or token ids.",
        discussion: """
            --text: the whole text is tokenised once, cut into windows of --context tokens without overlap, and every token but the \
            first of each window is scored. --tokens: each row of the array is scored by itself.

            An encoder takes each line of --text as a sentence. With --original MODEL both embed it, and the distance is one less the cosine \
            of the two embeddings, means over the tokens of the last hidden states. Without, an encoder that has its head for filling in \
            tokens is scored on every token once, with that and every seventh token from it masked.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(help: "UTF-8 text to score.")
    var text: String?

    @Option(help: "A .npy file of token ids, [rows, length] or [length].")
    var tokens: String?

    @Option(help: "Tokens in a window of --text; the default is the model's context, at most 2048.")
    var context: Int?

    @Option(help: "Score only the first of the windows, this many.")
    var windows: Int?

    @Option(help: "The model that an encoder was made from, to compare embeddings with.")
    var original: String?

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (text == nil) != (tokens == nil) else { throw ValidationError("give one of --text FILE and --tokens IDS.npy") }
        if let context, context < 2 { throw ValidationError("--context takes 2 or more") }
        if let windows, windows < 1 { throw ValidationError("--windows takes 1 or more") }
        if tokens != nil, context != nil { throw ValidationError("--context goes with --text; rows of --tokens have their own length") }
    }

    func run() throws {
        try Session.run(common) { session in
            let (graph, _) = try session.open(model, from: from)
            let model = try session.naming(self.model) { try Transformer(graph) }
            var sequences = try self.sequences(session, graph, model)
            if let windows { sequences = TokenSequences(Array(sequences.sequences.prefix(windows))) }
            let start = DispatchTime.now().uptimeNanoseconds
            guard model.isCausal || original == nil && model.hasHead else {
                try compareEmbeddings(model, sequences, session)
                return .done
            }
            if original != nil { throw CommandError(.usage, "--original goes with encoders; this model predicts the next token") }
            let perplexity = try session.naming(self.model) {
                model.isCausal
                    ? try Perplexity(of: model, over: sequences, session.execution)
                    : try maskedTokenPerplexity(model, graph, sequences, session)
            }
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
            try report(perplexity, sequences, kind(isCausal: model.isCausal), seconds, session)
            return .done
        }
    }

    private func maskedTokenPerplexity(
        _ model: Transformer, _ graph: TensorGraph, _ sequences: TokenSequences, _ session: Session
    ) throws -> Perplexity {
        guard let tokenizer = try graph.sentenceTokenizer(), let mask = tokenizer.maskID else {
            throw CommandError(.unsupported, "\(self.model): its tokenizer has no token that masks others")
        }
        let loss = MaskedTokenLoss(mask: mask, special: Set([tokenizer.firstID, tokenizer.lastID].compactMap { $0 }))
        return Perplexity(sequenceLosses: try loss.sequenceLosses(of: model, over: sequences, session.execution))
    }

    private func compareEmbeddings(_ model: Transformer, _ sequences: TokenSequences, _ session: Session) throws {
        guard let original else {
            throw CommandError(
                .usage,
                "the model is an encoder without a head, which predicts nothing; give the model to compare embeddings with as --original MODEL"
            )
        }
        let reference = try session.naming(original) { try Transformer(try session.open(original, from: nil).graph) }
        let distances = try session.naming(self.model) {
            try EmbeddingDistance.distances(of: model, from: reference, over: sequences, session.execution)
        }
        let summary = Perplexity(sequenceLosses: distances.map { (sum: $0, count: 1) })
        if session.options.json {
            session.print(
                try JSONOutput.line(
                    EmbeddingResult(
                        mean_distance: summary.meanLoss, mean_distance_standard_error: summary.standardError, sentences: distances.count,
                        largest_distance: distances.max() ?? 0)))
            return
        }
        let error = summary.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? ""
        session.print(
            "distance   \(NumberText.decimal(summary.meanLoss, places: 6))\(error)  (one less the cosine of embeddings to those of \(original))"
        )
        session.print("largest    \(NumberText.decimal(distances.max() ?? 0, places: 6))")
        session.print("sentences  \(NumberText.grouped(distances.count))")
    }

    private func sequences(_ session: Session, _ graph: TensorGraph, _ model: Transformer) throws -> TokenSequences {
        if let tokens { return try TokenFile.read(tokens, session) }
        let length = context ?? min(model.configuration.contextLength, 2048)
        return try CalibrationText.sequences(of: text ?? "", graph, windowLength: length)
    }

    private func kind(isCausal: Bool) -> String {
        guard isCausal else { return "masked-token, every token filled in once with every seventh masked" }
        return tokens != nil
            ? "token-level, rows of \(tokens ?? "") scored by themselves"
            : "token-level, windows without overlap, all tokens but the first of each scored"
    }

    private func report(
        _ perplexity: Perplexity, _ sequences: TokenSequences, _ kind: String, _ seconds: Double, _ session: Session
    ) throws {
        if session.options.json {
            session.print(
                try JSONOutput.line(
                    EvaluationResult(
                        mean_nll: perplexity.meanLoss, mean_nll_standard_error: perplexity.standardError, perplexity: perplexity.value,
                        perplexity_standard_error: perplexity.valueStandardError, tokens: perplexity.tokenCount,
                        sequences: sequences.sequences.count, kind: kind, seconds: seconds, peak_memory_bytes: PeakMemory.bytes)))
            return
        }
        let error = perplexity.valueStandardError.map { " ± \(NumberText.decimal($0, places: 3))" } ?? ""
        session.print("perplexity  \(NumberText.decimal(perplexity.value, places: 3))\(error)  (\(kind))")
        let nllError = perplexity.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? ""
        session.print("mean NLL    \(NumberText.decimal(perplexity.meanLoss, places: 6))\(nllError) nats a token")
        session.print("tokens      \(NumberText.grouped(perplexity.tokenCount)) scored in \(sequences.sequences.count) sequences")
        session.print(
            "time        \(NumberText.decimal(seconds, places: 2)) s, \(NumberText.grouped(Int(Double(perplexity.tokenCount) / max(seconds, 1e-9)))) tokens/s"
        )
    }
}

/// The keys of `evaluate --json` for an encoder.
private struct EmbeddingResult: Encodable {
    let mean_distance: Double
    let mean_distance_standard_error: Double?
    let sentences: Int
    let largest_distance: Double
}

/// The keys of `evaluate --json`.
private struct EvaluationResult: Encodable {
    let mean_nll: Double
    let mean_nll_standard_error: Double?
    let perplexity: Double
    let perplexity_standard_error: Double?
    let tokens: Int
    let sequences: Int
    let kind: String
    let seconds: Double
    let peak_memory_bytes: Int
}
