import ArgumentParser
import Caplet

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure a model's loss and perplexity on text or token ids, its answers to questions, or its classes of sentences.",
        discussion: """
            --text: the whole text is tokenised once, cut into windows of --context tokens without overlap, and every token but the \
            first of each window is scored. --tokens: each row of the array is scored by itself.

            Perplexities are e to the mean loss a token, and for --text also a word (a run of characters that are no white space) and a byte: \
            the mean loss a token times the tokens of the text over its words or bytes.

            --task: questions with choices, a JSON object a line in the shape of PIQA, BoolQ, HellaSwag, ARC or WinoGrande. The answer is \
            the choice of largest log-likelihood after its context, or of largest log-likelihood a character.

            --task for an encoder with a classification head: a data set of GLUE, tab-separated with the columns of the published files, or JSON \
            lines with the hub's keys. Accuracy, with two classes also F1 and Matthews' correlation; of numbers those of Pearson and Spearman.

            With --original MODEL a model that predicts the next token is also set beside the one it was made from: by the difference of their losses, \
            whose standard error is that of the differences window by window; by the Kullback-Leibler divergence of its predictions from the \
            original's; and by how often both find the same token the likeliest.

            An encoder takes each line of --text as a sentence. With --original both embed it, and the distance is one less the cosine \
            of the two embeddings, means over the tokens of the last hidden states. Without, an encoder that has its head for filling in \
            tokens is scored on every token once, with that and every seventh token from it masked.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(
        help: """
            Text to score: a file, a folder, a pattern, or - for standard input; plain or JSON lines, as they are or in .gz or .zst. May be given \
            more than once.
            """)
    var text: [String] = []

    @Option(help: "The member of JSON records that has the text; the default is text, content or messages.")
    var textField: String?

    @Option(
        help: "What the spelling of a special token in --text is: its token, as transformers has it, or text, as llama-perplexity has it.")
    var specialTokens: SpecialTokens = .asTokens

    @Option(help: "A .npy file of token ids, [rows, length] or [length].")
    var tokens: String?

    @Option(help: "A .jsonl file of questions with choices, or a .tsv or .jsonl file of GLUE.")
    var task: String?

    @Option(help: "Tokens in a window of --text; the default is the model's context, at most 2048.")
    var context: Int?

    @Option(help: "Score only the first of the windows, this many.")
    var windows: Int?

    @Option(help: "The model that this one was made from, to compare predictions with, or an encoder's embeddings.")
    var original: String?

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @OptionGroup var ranks: EnsembleOptions

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard [text.first, tokens, task].compactMap({ $0 }).count == 1 else {
            throw ValidationError("give one of --text FILE, --tokens IDS.npy and --task FILE.jsonl")
        }
        try CountOption.check("--context", context, from: 2)
        try CountOption.check("--windows", windows, from: 1)
        if task != nil, context != nil || windows != nil { throw ValidationError("--context and --windows go with --text and --tokens") }
        if tokens != nil, context != nil { throw ValidationError("--context goes with --text; rows of --tokens have their own length") }
    }

    func run() throws {
        try Session.run(common, ranks: ranks) { session in
            switch try session.perform(request()) {
            case .loss(let loss): try EvaluationReport(loss: loss, tokens: tokens, original: original).print(session)
            case .task(let result): try TaskReport(result: result).print(session)
            case .sentences(let result): try SentenceTaskReport(result: result).print(session)
            case .embeddings(let distance): try EmbeddingReport(original: original ?? "", distance: distance).print(session)
            }
            return .done
        }
    }

    private func request() -> EvaluationRequest {
        let source: EvaluationRequest.Source
        if let tokens {
            source = .tokens(tokens)
        } else if let task {
            source = .task(task)
        } else {
            source = .text(TextSource(text, field: textField), context: context, specialTokens: specialTokens)
        }
        var request = EvaluationRequest(model: model, source: source)
        request.sequences = windows
        request.original = original
        request.format = from
        return request
    }
}

extension SpecialTokens: ExpressibleByArgument {}
