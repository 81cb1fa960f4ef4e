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
        abstract: "Measure a model's loss and perplexity on text or token ids, or its answers to questions.",
        discussion: """
            --text: the whole text is tokenised once, cut into windows of --context tokens without overlap, and every token but the \
            first of each window is scored. --tokens: each row of the array is scored by itself.

            Perplexities are e to the mean loss a token, and for --text also a word (a run of characters that are no white space) and a byte: \
            the mean loss a token times the tokens of the text over its words or bytes.

            --task: questions with choices, a JSON object a line in the shape of PIQA, BoolQ, HellaSwag, ARC or WinoGrande. The answer is \
            the choice of largest log-likelihood after its context, or of largest log-likelihood a character.

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

    @Option(help: "A .jsonl file of questions with choices.")
    var task: String?

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
        guard [text, tokens, task].compactMap({ $0 }).count == 1 else {
            throw ValidationError("give one of --text FILE, --tokens IDS.npy and --task FILE.jsonl")
        }
        try CountOption.check("--context", context, from: 2)
        try CountOption.check("--windows", windows, from: 1)
        if task != nil, context != nil || windows != nil { throw ValidationError("--context and --windows go with --text and --tokens") }
        if tokens != nil, context != nil { throw ValidationError("--context goes with --text; rows of --tokens have their own length") }
    }

    func run() throws {
        try Session.run(common) { session in
            session.willRead([text, tokens, task, original])
            let (graph, _) = try session.open(model, from: from)
            let model = try session.naming(self.model) { try Transformer(graph) }
            if let task {
                try TaskEvaluation(task: task, modelPath: self.model).run(model, graph, session)
                return .done
            }
            var (sequences, size) = try self.sequences(session, graph, model)
            if let windows { sequences = TokenSequences(Array(sequences.sequences.prefix(windows))) }
            let start = DispatchTime.now().uptimeNanoseconds
            guard model.isCausal || original == nil && model.hasHead else {
                try EmbeddingEvaluation(original: original, modelPath: self.model).run(model, sequences, session)
                return .done
            }
            if original != nil { throw CommandError(.usage, "--original goes with encoders; this model predicts the next token") }
            let perplexity = try session.naming(self.model) {
                model.isCausal
                    ? try Perplexity(of: model, over: sequences, session.execution)
                    : try maskedTokenPerplexity(model, graph, sequences, session)
            }
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
            try EvaluationReport(
                perplexity: perplexity, sequences: sequences, kind: kind(isCausal: model.isCausal), size: size, seconds: seconds
            ).print(session)
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

    private func sequences(
        _ session: Session, _ graph: TensorGraph, _ model: Transformer
    ) throws -> (sequences: TokenSequences, size: TextSize?) {
        if let tokens { return (try TokenFile.read(tokens, session), nil) }
        let length = context ?? min(model.configuration.contextLength, 2048)
        return try CalibrationText.scored(CalibrationText.text(of: text ?? ""), graph, windowLength: length)
    }

    private func kind(isCausal: Bool) -> String {
        guard isCausal else { return "masked-token, every token filled in once with every seventh masked" }
        return tokens != nil
            ? "token-level, rows of \(tokens ?? "") scored by themselves"
            : "token-level, windows without overlap, all tokens but the first of each scored"
    }
}
