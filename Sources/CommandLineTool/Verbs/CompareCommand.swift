import ArgumentParser
import Caplet

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compress a model by several methods under several budgets, and compare what is lost.",
        discussion: """
            Methods: \(ComparisonMethod.builtIn.map(\.name).joined(separator: ", ")); all of them without --methods. One of your own is \
            NAME=PIPELINE with KEEP where the budget goes, last in a --methods, which may be given more than once. Budgets in bytes (3MB) have methods of \
            their own, \(ComparisonMethod.builtInBytes.map(\.name).joined(separator: ", ")): of llama.cpp's types the largest that fits; in a \
            pipeline BUDGET stands for them:

            caplet compare MODEL -o grid --calibration a.txt --text b.txt --methods wanda,oats --methods 'mine=wanda{keep=KEEP scope=layer}'
            caplet compare MODEL -o sizes --calibration a.txt --text b.txt --budgets 3MB,2MB

            The folder gets compare.json, compare.html, and a file a method and budget in cells/, from which an interrupted run goes on. \
            Standard errors are those of the differences to the dense model, sequence by sequence.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(name: [.short, .long], help: "The folder for cells, compare.json and compare.html.")
    var output: String

    @Option(help: "Shares of the linear layers' parameters to keep, or sizes of the file such as 3MB, apart by commas.")
    var budgets = "0.7,0.5,0.3"

    @Option(help: "Methods, apart by commas, or NAME=PIPELINE.")
    var methods: [String] = []

    @Option(help: "UTF-8 text to calibrate on.")
    var calibration: String?

    @Option(help: "Token sequences to take from the calibration text, at even distances.")
    var calibrationSequences = 64

    @Option(help: "UTF-8 text to measure the loss on. May be given more than once; each text gets a table of its own.")
    var text: [String] = []

    @Option(help: "A .npy file of token ids, [rows, length] or [length], to measure the loss on; before any --text.")
    var tokens: [String] = []

    @Option(help: "Score only this many windows of each text, at even distances.")
    var windows: Int?

    @Option(help: "Tokens in a window of either text; the default is the model's context, at most 2048.")
    var context: Int?

    @Option(help: "Seed of every random choice.")
    var seed: UInt64 = 0

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @Flag(help: "Make cells anew that were made from something else.")
    var force = false

    @Option(
        help: ArgumentHelp(
            "Options of this verb from a file of YAML; those of the command line override them.",
            valueName: "file"))
    var recipe: String?

    @OptionGroup var ranks: EnsembleOptions

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard !text.isEmpty || !tokens.isEmpty else { throw ValidationError("give --text FILE or --tokens IDS.npy") }
        try CountOption.check("--windows", windows, from: 1)
        try CountOption.check("--calibration-sequences", calibrationSequences, from: 1)
        try CountOption.check("--context", context, from: 2)
        if try sizes() == nil { _ = try shares() }
    }

    func run() throws {
        ProcessMemory.useHugePages()
        try Session.run(common, ranks: ranks) { session in
            let comparison = try session.perform(request())
            if session.options.json {
                session.print(try comparison.document)
            } else {
                ComparisonTable(comparison: comparison).lines.forEach(session.print)
            }
            return .done
        }
    }

    private func request() throws -> ComparisonRequest {
        let sources = tokens.map(ComparisonRequest.Source.tokens) + text.map(ComparisonRequest.Source.text)
        var request = ComparisonRequest(model: model, output: output, sources: sources)
        let sizes = try sizes()
        request.methods = try MethodList.parse(methods, unit: sizes == nil ? .share : .bytes)
        if let sizes { request.byteBudgets = sizes } else { request.budgets = try shares() }
        request.calibration = calibration.map { CalibrationText(path: $0, sequences: calibrationSequences) }
        request.windows = windows
        request.context = context
        request.seed = seed
        request.format = from
        request.makesAnew = force
        return request
    }

    /// The budgets where all of them are bytes, with a unit or of 1000 and more, largest first; nil where they are not.
    private func sizes() throws -> [Int]? {
        let sizes = budgets.split(separator: ",", omittingEmptySubsequences: false).map { ByteLimit(argument: String($0))?.bytes ?? 0 }
        guard sizes.allSatisfy({ $0 >= 1000 }) else { return nil }
        guard Set(sizes).count == sizes.count else { throw ValidationError("--budgets has the same size twice") }
        return sizes.sorted(by: >)
    }

    /// The budgets, largest first.
    private func shares() throws -> [Double] {
        let shares = try budgets.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let share = Double(text), share > 0, share <= 1 else {
                throw ValidationError("--budgets takes numbers above 0, at most 1, or sizes such as 3MB, apart by commas, not '\(text)'")
            }
            return share
        }
        guard Set(shares).count == shares.count else { throw ValidationError("--budgets has the same number twice") }
        return shares.sorted(by: >)
    }
}
