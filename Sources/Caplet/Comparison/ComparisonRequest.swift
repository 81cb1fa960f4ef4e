import Calibration
import FormatKit
import Inference
import ModelGraph
import Models
import PassKit
import TextInput

/// Compresses a model by several methods under several budgets, and compares what is lost.
///
/// The folder gets compare.json, compare.html, and a file a method and budget in cells/, from which an interrupted run goes on.
public struct ComparisonRequest: Request {
    /// A text, or a .npy file of token ids, that losses are measured on.
    public enum Source: Sendable, Equatable {
        case text(String)
        case tokens(String)

        var path: String {
            switch self {
            case .text(let path), .tokens(let path): return path
            }
        }
    }

    /// The model: a file or a folder of any format.
    public var model: String
    /// The folder for cells, compare.json and compare.html.
    public var output: String
    /// The methods, each once; all that are known without saying.
    public var methods = ComparisonMethod.builtIn
    /// Shares of the linear layers' parameters to keep, above 0 and at most 1, each once.
    public var budgets = [0.7, 0.5, 0.3]
    /// Bytes of the file instead of these, each once; with methods whose budgets are bytes.
    public var byteBudgets: [Int] = []
    /// What methods calibrate on, without a context of its own.
    public var calibration: CalibrationText?
    /// What losses are measured on, in order; each gets a table of its own.
    public var sources: [Source]
    /// Score only this many windows of each text, at even distances; nil for all.
    public var windows: Int?
    /// Tokens in a window of any text; nil for the model's context, at most 2048.
    public var context: Int?
    /// Seed of every random choice.
    public var seed: UInt64 = 0
    /// The model's format; nil to look at it.
    public var format: String?
    /// Whether cells are made anew that were made from something else.
    public var makesAnew = false

    /// A request with what has no default.
    public init(model: String, output: String, sources: [Source]) {
        self.model = model
        self.output = output
        self.sources = sources
    }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> MethodComparison {
        let entries = try self.entries(context)
        context.willRead([model] + (calibration?.paths ?? []) + sources.map(\.path))
        let store = CellStore(output, makesAnew: makesAnew)
        try context.reads.check(output: store.path)
        if context.execution.ensemble.isFirst {
            try store.check()
            OutputStage.recover(besides: store.measuredPath(), note: context.note)
        }
        let opened = try context.open(model, from: format).model
        try context.reads.check(output: store.path)
        try context.checkWarnings()
        var comparison = try context.naming(model) { try run(opened, store, context).run(entries) }
        comparison.modelName = ModelPath.folderName(model) ?? model.lastPathComponent
        try context.checkWarnings()
        guard context.execution.ensemble.isFirst else { return comparison }
        try store.write(comparison.document, as: CellStore.documentName)
        try store.write(ComparisonPage(comparison).text, as: CellStore.pageName)
        return comparison
    }

    /// A method under each budget, largest first; passes that need calibration are known before any work.
    private func entries(_ context: RequestContext) throws -> [ComparisonRun.Entry] {
        try calibration?.check()
        guard calibration?.context == nil else {
            throw RequestError(.usage, "texts of a comparison have one context: that of the request, not of its calibration")
        }
        try CountRange.check("the number of windows", windows, from: 1)
        try CountRange.check("the context", self.context, from: 2)
        guard !sources.isEmpty else { throw RequestError(.usage, "there is nothing to measure losses on") }
        let unit: ComparisonMethod.Unit = byteBudgets.isEmpty ? .share : .bytes
        for bytes in byteBudgets { try CountRange.check("a budget in bytes", bytes, from: Int(BudgetText.leastBytes), to: 1 << 50) }
        let budgets = byteBudgets.isEmpty ? self.budgets : byteBudgets.map(Double.init)
        for budget in budgets where unit == .share && !(budget > 0 && budget <= 1) {
            throw RequestError(.usage, "budgets are numbers above 0, at most 1, not \(budget)")
        }
        if let other = methods.first(where: { $0.unit != unit }) {
            let (has, needs) = unit == .share ? ("BUDGET, bytes", "budgets in bytes") : ("KEEP, a share", "budgets that are shares")
            throw RequestError(.usage, "method '\(other.name)' has \(has), and needs \(needs)")
        }
        guard Set(budgets).count == budgets.count else { throw RequestError(.usage, "the same budget is given twice") }
        for (index, method) in methods.enumerated() where methods[..<index].contains(where: { $0.name == method.name }) {
            throw RequestError(.usage, "method '\(method.name)' is given twice")
        }
        return try methods.flatMap { method in
            let entries = try budgets.sorted(by: >).map { share in
                let manager = try method.manager(share, context.registry.passes)
                try manager?.checkCalibration(isGiven: calibration != nil)
                return ComparisonRun.Entry(method: method, budget: share, pipeline: try method.pipeline(share), manager: manager)
            }
            // The same for every budget.
            for line in entries.first?.manager?.warnings ?? [] { context.warn("\(method.name): \(line)") }
            return entries
        }
    }

    private func run(_ model: Model, _ store: CellStore, _ context: RequestContext) throws -> ComparisonRun {
        guard let configuration = model.configuration else { throw ModelError.unknownArchitecture(model.graph) }
        let length = TokenisedText.windowLength(self.context, configuration)
        let scored = try sources.map { source -> (sequences: TokenSequences, digest: String) in
            guard case .text(let path) = source else {
                let tokens = try TokenFile.read(source.path, context)
                context.warnOfContext(tokens.sequences.map(\.count).max() ?? 0, configuration, source.path)
                return (tokens, try ContentDigest.of(file: source.path))
            }
            let text = try TokenisedText(TextSource(path), model, windowLength: length, context)
            return (windows.map(text.sequences.evenlySpaced) ?? text.sequences, text.digest)
        }
        context.warnOfContext(length, configuration, "a window")
        let texts = zip(sources.map(\.path), scored).map { path, scored in
            ScoredText(name: path.lastPathComponent, file: scored.digest, tokens: scored.sequences.digest)
        }
        let calibrated = try calibration.map { asked in
            let (sequences, digest) = try CalibrationSets.windows(asked, model, length, context)
            return (
                sequences: sequences.evenlySpaced(asked.sequences), digest: digest,
                learning: CalibrationSets.learning(sequences, calibrating: asked.sequences)
            )
        }
        let inputs = ComparisonInputs(
            caplet: Version.text, model: try ContentDigest.of(model.graph, context.execution), configuration: configuration.digest,
            calibration: calibrated?.digest, calibrationTokens: calibrated?.sequences.digest,
            texts: texts, context: length, seed: seed)
        return ComparisonRun(
            model, texts: scored.map(\.sequences), calibration: calibrated?.sequences, learning: calibrated?.learning, inputs, store,
            context)
    }
}

extension String {
    /// The name of the file at a path.
    fileprivate var lastPathComponent: String { split(separator: "/").last.map(String.init) ?? self }
}

extension MethodComparison {
    /// The comparison as JSON: the same bytes for the same comparison, whenever and wherever its cells were made.
    public var document: String {
        get throws { try JSONOutput.line(MethodComparisonDocument(self)) }
    }
}
