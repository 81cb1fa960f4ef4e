import ArgumentParser
import Caplet

struct AnalyzeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "analyze",
        abstract: "Measure what compressing each layer and block by itself does to the loss.",
        discussion: """
            Each linear layer loses rank, entries and bits, and then all it has, one after the other while all others stay; each block is taken away. \
            The rises of the loss have standard errors over the sequences, so that a fall can be told from noise. The report, and the page that \
            --report run.html makes, have singular values before and after robust PCA, too.

            caplet analyze model-folder --calibration text.txt --report layers.html
            caplet analyze model-folder --calibration text.txt --alternative 'my bits=quantize{bits=3 target=dense}'
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @OptionGroup var text: CalibrationOptions

    @Option(help: "Token sequences to take from the text, at even distances.")
    var calibrationSequences = 32

    @Option(
        help: ArgumentHelp(
            "What to do to each layer instead of the usual: a pipeline that leaves each layer what it would become. May be given more than once.",
            valueName: "name=pipeline"))
    var alternative: [String] = []

    @Option(help: "Seed of every random choice.")
    var seed: UInt64 = 0

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @Option(help: "Write all that was found to this file: a page with charts where its name ends in .html, otherwise JSON.")
    var report: String?

    @Flag(help: "Replace what is at the report's path.")
    var force = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        try CountOption.check("--calibration-sequences", calibrationSequences, from: 1)
        for one in alternative where !one.contains("=") { throw ValidationError("--alternative takes NAME=PIPELINE, not '\(one)'") }
    }

    func run() throws {
        ProcessMemory.useHugePages()
        try Session.run(common) { session in
            var request = AnalysisRequest(model: model)
            request.calibration = text.text(sequences: calibrationSequences)
            if !alternative.isEmpty {
                request.alternatives = try alternative.map { text in
                    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    return try AnalysisAlternative(name: String(parts[0]), pipeline: String(parts[1]))
                }
            }
            request.seed = seed
            request.format = from
            request.reportPath = report
            request.replacesReport = force
            let analysis = try session.perform(request)
            if session.options.json {
                session.print(try JSONOutput.line(analysis))
            } else {
                AnalysisReport(analysis: analysis).lines.forEach(session.print)
            }
            return .done
        }
    }
}
