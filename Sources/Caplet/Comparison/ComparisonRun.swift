import BuiltIns
import Calibration
import CapletFormat
import Dispatch
import Execution
import FormatKit
import Glibc
import Inference
import ModelGraph
import Models
import PassKit

/// Makes the cells of a comparison that are not there yet, one after the other.
final class ComparisonRun {
    private let model: Model
    /// In the order of `inputs.texts`.
    private let texts: [TokenSequences]
    private let calibrationTokens: TokenSequences?
    /// These and more of the same text, for gradients.
    private let learningTokens: TokenSequences?
    private let inputs: ComparisonInputs
    private let store: CellStore
    private let context: RequestContext
    /// Made when the first cell needs it.
    private var calibration: CalibrationModel?
    private var learning: CalibrationModel?
    /// The dense model, for encoders.
    private var reference: Transformer?

    init(
        _ model: Model, texts: [TokenSequences], calibration: TokenSequences?, learning: TokenSequences?, _ inputs: ComparisonInputs,
        _ store: CellStore, _ context: RequestContext
    ) {
        self.model = model
        self.texts = texts
        calibrationTokens = calibration
        learningTokens = learning
        self.inputs = inputs
        self.store = store
        self.context = context
    }

    /// A method under a budget.
    struct Entry {
        let method: ComparisonMethod
        let budget: Double
        let pipeline: Pipeline
        let manager: PassManager
    }

    /// - Returns: the cells, dense model apart. What a method cannot do is a warning, and leaves its cell out.
    /// - Throws: what reading, evaluating and writing throw, `Cancelled`; finished cells stay.
    func run(_ entries: [Entry]) throws -> MethodComparison {
        let denseIdentity = CellIdentity(inputs: inputs, method: ComparisonMethod.dense, pipeline: "", budget: 1)
        let identities = entries.map {
            CellIdentity(inputs: inputs, method: $0.method.name, pipeline: $0.pipeline.description, budget: $0.budget)
        }
        for place in store.places([denseIdentity] + identities) { try context.reads.check(output: place) }
        let storedDense = try store.read(denseIdentity)
        let stored = try identities.map { try store.read($0) }
        let folders = try store.make()
        // Only empty folders go: what stopped before its first cell leaves nothing behind.
        defer { for folder in folders.reversed() { rmdir(folder) } }
        let found = stored.filter { $0 != nil }.count
        if found > 0 { context.note("\(found) of \(entries.count) cells are there already") }

        let dense = try storedDense ?? make(denseIdentity, (model.graph, []), baseline: nil, execution(ComparisonMethod.dense), since: now)
        var cells: [ComparisonCell] = []
        var missing: [MethodComparison.Missing] = []
        for (index, entry) in entries.enumerated() {
            if let cell = stored[index] {
                cells.append(cell)
                continue
            }
            try context.execution.cancellation.check()
            let start = now
            let execution = execution("\(index + 1)/\(entries.count) \(identities[index].fileName)")
            do {
                let cell = try make(identities[index], compressed(entry, execution), baseline: dense, execution, since: start)
                cells.append(cell)
                context.note(
                    "\(entry.method.name) \(entry.budget): \(cell.losses.map(CellText.excess).joined(separator: ", ")) over dense, "
                        + "\(NumberText.decimal(cell.seconds, places: 1)) s")
            } catch let error as PassError {
                context.warn("\(entry.method.name) \(entry.budget): \(error)")
                missing.append(MethodComparison.Missing(method: entry.method.name, budget: entry.budget, reason: "\(error)"))
            }
        }
        return MethodComparison(
            inputs: inputs, dense: dense, cells: cells, missing: missing, budgets: Set(entries.map(\.budget)).sorted(by: >),
            measure: model.isEncoder ? .cosineDistance : .loss)
    }

    private var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

    private func execution(_ prefix: String) -> ExecutionContext {
        let own = context.execution
        return own.with(progress: CellProgress(prefix, own.progress))
    }

    private func compressed(_ entry: Entry, _ execution: ExecutionContext) throws -> (TensorGraph, [PassReport]) {
        if calibration == nil, let tokens = calibrationTokens {
            let made = try CalibrationModel(model, tokens: tokens, context.execution)
            calibration = made
            learning = learningTokens.flatMap { CalibrationModel(like: made, tokens: $0) }
        }
        var result = model.graph
        let reports = try entry.manager.run(
            &result,
            PassContext(
                execution: execution, seed: inputs.seed, original: model.graph, calibration: calibration, learning: learning,
                note: { [context] in context.detail($0) }))
        return (result, reports)
    }

    private func make(
        _ identity: CellIdentity, _ made: (graph: TensorGraph, reports: [PassReport]), baseline: ComparisonCell?,
        _ execution: ExecutionContext, since start: UInt64
    ) throws -> ComparisonCell {
        let graph = made.graph
        let transformer = try Transformer(model.with(graph), weights: .openBLAS)
        let losses = try texts.indices.map { index in
            TextLoss(try sequenceLosses(of: transformer, over: texts[index], execution), over: baseline?.losses[index])
        }
        let fileBytes = try fileBytes(graph, identity, execution)
        let cell = ComparisonCell(
            identity: identity, linearParameters: graph.linearParameterCount,
            parameters: graph.parameterCount, losses: losses, payloadBytes: graph.byteCount, fileBytes: fileBytes,
            seconds: Double(now - start) / 1e9, layers: LayerShape.all(of: graph, made.reports),
            spectra: baseline == nil ? try Spectrum.some(of: graph, execution) : nil)
        try context.reads.checkUnchanged()
        try store.write(cell)
        return cell
    }

    /// Of an encoder the distances of its embeddings from the dense model's, each sequence counted as one.
    private func sequenceLosses(of transformer: Transformer, over text: TokenSequences, _ execution: ExecutionContext) throws
        -> [SequenceLoss]
    {
        if transformer.isCausal {
            return try Perplexity.sequenceLosses(of: transformer, over: text, execution).map { SequenceLoss(sum: $0.sum, tokens: $0.count) }
        }
        let reference = try self.reference ?? Transformer(model, weights: .openBLAS)
        self.reference = reference
        return try EmbeddingDistance.distances(of: transformer, from: reference, over: text, execution).map {
            SequenceLoss(sum: $0, tokens: 1)
        }
    }

    /// The size of the container, which is made and thrown away.
    private func fileBytes(_ graph: TensorGraph, _ identity: CellIdentity, _ execution: ExecutionContext) throws -> Int {
        var options = WriteOptions()
        options.provenance = [
            (key: "caplet", value: inputs.caplet), (key: "pipeline", value: identity.pipeline), (key: "seed", value: "\(inputs.seed)"),
            (key: "input", value: inputs.model),
        ]
        return try CapletFormat().byteCount(graph, at: store.measuredPath, options, execution)
    }
}
