import Architectures
import ArgumentParser
import BuiltIns
import Calibration
import FormatKit
import ModelGraph
import TransformerModel

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compress a model by several methods under several budgets, and compare what is lost.",
        discussion: """
            Methods: \(ComparisonMethod.builtIn.map(\.name).joined(separator: ", ")); all of them without --methods. One of your own is \
            NAME=PIPELINE with KEEP where the budget goes, last in a --methods, which may be given more than once:

            caplet compare MODEL -o grid --calibration a.txt --text b.txt --methods wanda,oats --methods 'mine=wanda{keep=KEEP scope=layer}'

            The folder gets compare.json, compare.html, and a file a method and budget in cells/, from which an interrupted run goes on. \
            Standard errors are those of the differences to the dense model, sequence by sequence.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(name: [.short, .long], help: "The folder for cells, compare.json and compare.html.")
    var output: String

    @Option(help: "Shares of the linear layers' parameters to keep, apart by commas.")
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

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard !text.isEmpty || !tokens.isEmpty else { throw ValidationError("give --text FILE or --tokens IDS.npy") }
        try CountOption.check("--windows", windows, from: 1)
        try CountOption.check("--calibration-sequences", calibrationSequences, from: 1)
        try CountOption.check("--context", context, from: 2)
        _ = try shares()
    }

    func run() throws {
        ProcessMemory.useHugePages()
        try Session.run(common) { session in
            let (shares, methods) = (try self.shares(), try ComparisonMethod.parse(self.methods))
            let entries = try methods.flatMap { method in
                try shares.map { share in
                    let manager = try method.manager(keep: share, session.registry.passes)
                    try manager.checkCalibration(isGiven: calibration != nil)
                    return ComparisonRun.Entry(method: method, budget: share, pipeline: try method.pipeline(keep: share), manager: manager)
                }
            }
            session.willRead([model, calibration] + text + tokens)
            let store = CellStore(output, force: force)
            try session.reads.check(output: store.path)
            try store.check()
            OutputStage.recover(besides: store.measuredPath, note: session.diagnostics.note)
            let (graph, _) = try session.open(model, from: from)
            try session.reads.check(output: store.path)
            try session.checkStrict()
            let comparison = try session.naming(model) { try comparisonRun(graph, store, session).run(entries) }
            try session.checkStrict()
            let document = try JSONOutput.line(MethodComparisonDocument(comparison))
            try store.write(document, as: CellStore.documentName)
            try store.write(ComparisonPage(comparison).text, as: CellStore.pageName)
            if session.options.json {
                session.print(document)
            } else {
                ComparisonTable(comparison: comparison).lines.forEach(session.print)
            }
            return .done
        }
    }

    /// The budgets, largest first.
    private func shares() throws -> [Double] {
        let shares = try budgets.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let share = Double(text), share > 0, share <= 1 else {
                throw ValidationError("--budgets takes numbers above 0, at most 1, apart by commas, not '\(text)'")
            }
            return share
        }
        guard Set(shares).count == shares.count else { throw ValidationError("--budgets has the same number twice") }
        return shares.sorted(by: >)
    }

    private func comparisonRun(_ graph: TensorGraph, _ store: CellStore, _ session: Session) throws -> ComparisonRun {
        guard let configuration = try graph.configuration() else { throw ModelError.unknownArchitecture("unknown") }
        let length = context ?? min(configuration.contextLength, 2048)
        let scored =
            try tokens.map { try TokenFile.read($0, session) }
            + text.map { path in
                let sequences = try CalibrationText.sequences(of: path, graph, windowLength: length)
                return windows.map(sequences.evenlySpaced) ?? sequences
            }
        let texts = try zip(tokens + text, scored).map { path, sequences in
            ScoredText(name: path.lastPathComponent, file: try ContentDigest.of(file: path), tokens: sequences.digest)
        }
        let calibrationWindows = try calibration.map {
            try CalibrationText.sequences(of: $0, graph, windowLength: length).evenlySpaced(calibrationSequences)
        }
        let inputs = ComparisonInputs(
            caplet: Version.text, model: try ContentDigest.of(graph, session.execution), configuration: configuration.digest,
            calibration: try calibration.map { try ContentDigest.of(file: $0) }, calibrationTokens: calibrationWindows?.digest,
            texts: texts, context: length, seed: seed)
        return ComparisonRun(graph, texts: scored, calibration: calibrationWindows, inputs, store, session)
    }
}

extension String {
    /// The name of the file at a path.
    fileprivate var lastPathComponent: String { split(separator: "/").last.map(String.init) ?? self }
}
