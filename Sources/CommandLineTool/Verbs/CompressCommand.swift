import ArgumentParser
import Caplet

struct CompressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compress",
        abstract: "Run a pipeline of passes over a model and write the result.",
        discussion: """
            Without an aim this makes the smallest file whose mean loss rises by at most \(DefaultPipeline.usualLossIncrease) nats a token, as \
            --max-loss-increase does. --size and --bits-per-weight say what it may take instead: everything is quantised, for the caplet format to codes \
            for an entropy coder, for GGUF to the types that llama.cpp runs, each matrix to the one that serves it best. --keep makes linear \
            layers sparse and low-rank: \(DefaultPipeline.text(keep: "0.5")) for one half of their parameters. `caplet passes` lists the passes \
            and their options.

            What a long run finishes is kept in OUTPUT.unfinished until the output is there. The command of a run that was interrupted \
            goes on from it, and comes to the same bytes.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(name: [.short, .long], help: "Where to write the result.")
    var output: String

    @Option(help: "The pipeline, such as 'rpca{iterations=10},prune-probabilistic{keep=0.5},quantize{bits=8}'.")
    var pipeline: String?

    @Option(help: "A file with the pipeline.")
    var pipelineFile: String?

    @Option(help: "Share of the linear layers' parameters to keep: they become low-rank and sparse.")
    var keep: Double?

    @Option(help: "The largest size of the output, such as 3MB: everything is quantised to as many bits as fit.")
    var size: ByteLimit?

    @Option(help: "The same, as bits of the whole file for each parameter of the model.")
    var bitsPerWeight: Double?

    @Option(
        help: """
            The smallest file whose mean loss is at most this much above the original's, in nats a token, on what the calibration text \
            has beside the sequences calibrated on; of an encoder, the mean of 1 − cosine of its embeddings to the original's.
            """)
    var maxLossIncrease: Double?

    @Option(
        help: ArgumentHelp(
            """
            For GGUF files of a size, bits or a loss: the type of ggml's that matrices of some names have, such as token_embd=q6_k; the others \
            share what is left. A part of the name in GGUF or in the checkpoint, or a pattern with * and ?. May be repeated.
            """, valueName: "pattern=type"))
    var tensorType: [String] = []

    @Flag(help: "Change nothing and pack the model as it is, bit for bit, for storage and transfer.")
    var lossless = false

    @Option(
        help: """
            Text to calibrate on: a file, a folder, a pattern, or - for standard input; plain or JSON lines, as they are or in .gz or .zst. May be \
            given more than once.
            """)
    var calibration: [String] = []

    @Option(help: "A .npy file of token ids to calibrate on, [rows, length] or [length].")
    var calibrationTokens: String?

    @Option(help: "The member of JSON records that has the text; the default is text, content or messages.")
    var textField: String?

    @Option(help: "Token sequences to take from the calibration text, at even distances.")
    var calibrationSequences = 64

    @Option(help: "Tokens in a sequence of either text; the default is the model's context, at most 2048.")
    var context: Int?

    @Option(
        help: """
            Text to measure the result on, beside the original; without it a part of the calibration text that nothing is calibrated on. May be \
            given more than once.
            """)
    var text: [String] = []

    @Flag(help: "Do not measure what the compression cost.")
    var noMeasure = false

    @Option(help: "Seed of every random choice.")
    var seed: UInt64 = 0

    @Option(
        help: """
            The model that MODEL was made from, which passes run on the calibration text and measure errors against. Gives a \
            compressed model further passes, such as refit.
            """)
    var original: String?

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @Option(help: "Format to write, instead of what the output's name says.")
    var to: String?

    @Option(help: "Write what was done and what it cost to this file: a page with charts where its name ends in .html, otherwise JSON.")
    var report: String?

    @Flag(
        help: """
            Put copies of all files of the model's folder into a GGUF file, so that converting it back gives them byte for byte; its own keys say \
            what llama.cpp needs of them.
            """)
    var embedFiles = false

    @Flag(help: "Say what would be done and written, and do nothing.")
    var dryRun = false

    @Flag(help: "Replace what is at the output.")
    var force = false

    @Option(
        help: ArgumentHelp(
            "Options of this verb from a file of YAML; those of the command line override them; or a report, for what it was made by.",
            valueName: "file"))
    var recipe: String?

    @OptionGroup var ranks: EnsembleOptions

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if pipeline != nil && pipelineFile != nil { throw ValidationError("--pipeline and --pipeline-file exclude each other") }
        if keep != nil && (pipeline != nil || pipelineFile != nil) {
            throw ValidationError("--keep belongs to the default pipeline; give keep= in the pipeline's text")
        }
        if let keep, !(keep > 0 && keep <= 1) { throw ValidationError("--keep takes a number above 0, at most 1") }
        let aims = [
            keep != nil, size != nil, bitsPerWeight != nil, maxLossIncrease != nil, lossless, pipeline != nil || pipelineFile != nil,
        ]
        if aims.count(where: { $0 }) > 1 {
            throw ValidationError("--keep, --size, --bits-per-weight, --max-loss-increase, --lossless and a pipeline exclude each other")
        }
        _ = try tensorTypes()
        if !tensorType.isEmpty, keep != nil || lossless || pipeline != nil || pipelineFile != nil {
            throw ValidationError("--tensor-type goes with GGUF files of a size, bits or a loss; a pipeline has tensor-types= of quantize")
        }
        if let maxLossIncrease, !(maxLossIncrease > 0 && maxLossIncrease <= 100) {
            throw ValidationError("--max-loss-increase takes a number above 0, at most 100")
        }
        if let bitsPerWeight, !(bitsPerWeight > 0 && bitsPerWeight <= 64) {
            throw ValidationError("--bits-per-weight takes a number above 0, at most 64")
        }
        if calibrationTokens != nil, !calibration.isEmpty || context != nil {
            throw ValidationError("--calibration-tokens excludes --calibration, and --context: rows of token ids have their own length")
        }
        if noMeasure, !text.isEmpty { throw ValidationError("--no-measure excludes --text") }
        try CountOption.check("--calibration-sequences", calibrationSequences, from: 1)
        try CountOption.check("--context", context, from: 2)
    }

    func run() throws {
        ProcessMemory.useHugePages()
        try Session.run(common, ranks: ranks) { session in
            let request = try self.request()
            if dryRun {
                try show(session.perform(CompressionPlanRequest(request)), session)
            } else {
                try CompressionReport(result: session.perform(request)).print(session)
            }
            return .done
        }
    }

    private func request() throws -> CompressionRequest {
        var request = CompressionRequest(model: model, output: output)
        request.aim = try aim()
        request.tensorTypes = try tensorTypes()
        if let calibrationTokens {
            request.calibration = CalibrationText(.tokens(calibrationTokens), sequences: calibrationSequences)
        } else if !calibration.isEmpty {
            let source = TextSource(calibration, field: textField)
            request.calibration = CalibrationText(.text(source), sequences: calibrationSequences, context: context)
        } else {
            request.calibration = CalibrationText(.builtIn, sequences: calibrationSequences, context: context)
        }
        request.measuredText = text.isEmpty ? nil : TextSource(text, field: textField)
        request.measuredContext = context
        request.measuresCost = !noMeasure
        request.seed = seed
        request.original = original
        request.format = from
        request.outputFormat = to
        request.reportPath = report
        request.embedsFiles = embedFiles
        request.replacesOutput = force
        return request
    }

    private func tensorTypes() throws -> [CompressionRequest.TensorType] {
        try tensorType.map { text in
            guard let type = CompressionRequest.TensorType(text) else {
                throw ValidationError("--tensor-type takes PATTERN=TYPE, not '\(text)'")
            }
            return type
        }
    }

    /// Nil where none of the options says one.
    private func aim() throws -> CompressionRequest.Aim? {
        if let pipeline { return .pipeline(try Pipeline(parsing: pipeline)) }
        if let pipelineFile { return .pipelineFile(pipelineFile) }
        if lossless { return .lossless }
        if let size { return .size(size.bytes) }
        if let bitsPerWeight { return .bitsPerWeight(bitsPerWeight) }
        if let maxLossIncrease { return .lossIncrease(maxLossIncrease) }
        return keep.map { .keep($0) }
    }

    private func show(_ plan: CompressionPlan, _ session: Session) throws {
        if session.options.json { return session.print(try JSONOutput.line(plan)) }
        session.print("pipeline    \(plan.pipeline)")
        session.print(
            "parameters  \(NumberText.grouped(plan.parameters)), \(NumberText.grouped(plan.linearParameters)) of them in linear layers")
        let bytes = NumberText.grouped(plan.bytes)
        let size =
            plan.size.map { "at most \(NumberText.grouped($0)) bytes" }
            ?? (maxLossIncrease == nil
                ? "at most \(bytes) bytes before compression"
                : "as few bytes as a loss \(maxLossIncrease ?? 0) higher takes, at most \(bytes) before compression")
        session.print("output      \(output) as \(plan.format), \(size)")
        session.print("takes       \(plan.cost.text)")
        for line in plan.cost.details { session.print(line) }
    }
}
