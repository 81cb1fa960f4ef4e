import BuiltIns
import CLibrary
import Calibration
import CapletFormat
import Dispatch
import Execution
import FormatKit
import FoundationEssentials
import Inference
import ModelGraph
import Models
import PassKit

/// Makes the cells of a comparison that are not there yet, one after the other; where ranks share them, each its own.
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
        /// Nil for llama.cpp's types.
        let manager: PassManager?
    }

    /// - Returns: the cells, dense model apart. What a method cannot do is a warning, and leaves its cell out.
    /// - Throws: what reading, evaluating and writing throw, `Cancelled`; finished cells stay.
    func run(_ entries: [Entry]) throws -> MethodComparison {
        let denseIdentity = CellIdentity(inputs: inputs, method: ComparisonMethod.dense, pipeline: "", budget: 1)
        let identities = entries.map {
            CellIdentity(inputs: inputs, method: $0.method.name, pipeline: $0.pipeline.description, budget: $0.budget)
        }
        let isFirst = ensemble.isFirst
        if isFirst { for place in store.places([denseIdentity] + identities) { try context.reads.check(output: place) } }
        let found = try shared(isFirst ? ([denseIdentity] + identities).map { try store.read($0) } : [])
        let (storedDense, stored) = (found[0], Array(found.dropFirst()))
        let folders = try isFirst ? store.make() : []
        // Only empty folders go: what stopped before its first cell leaves nothing behind.
        defer { for folder in folders.reversed() { rmdir(folder) } }
        let ready = stored.filter { $0 != nil }.count
        if ready > 0 { context.note("\(ready) of \(entries.count) cells are there already") }
        ensemble.whenPosted { [store] bytes, _ in
            // One that cannot be written is met again when all come together.
            if let cell = try? JSONOutput.value(ComparisonCell.self, from: Data(bytes)) { try? store.write(cell) }
        }
        defer { ensemble.whenPosted(nil) }

        let dense =
            try storedDense ?? make(denseIdentity, Made(graph: model.graph), baseline: nil, execution(ComparisonMethod.dense), since: now)
        if isFirst, storedDense == nil { try store.write(dense) }
        let owners = try owners(entries, stored)
        var made = [Outcome?](repeating: nil, count: entries.count)
        for (index, entry) in entries.enumerated() where owners[index] == ensemble.rank {
            try context.execution.cancellation.check()
            let start = now
            let execution = execution("\(index + 1)/\(entries.count) \(identities[index].fileName)").alone
            do {
                let cell = try make(
                    identities[index], compressed(entry, identities[index], execution), baseline: dense, execution, since: start)
                if isFirst { try store.write(cell) } else { try ensemble.post(Array(try JSONOutput.line(cell).utf8)) }
                made[index] = .cell(cell)
                if isFirst { tell(entry, .cell(cell)) }
            } catch let error as PassError {
                made[index] = .missing("\(error)")
                if isFirst { tell(entry, .missing("\(error)")) }
            }
        }
        var cells: [ComparisonCell] = []
        var missing: [MethodComparison.Missing] = []
        for (index, entry) in entries.enumerated() {
            if let cell = stored[index] {
                cells.append(cell)
                continue
            }
            let outcome = try shared(made[index], from: owners[index] ?? 0)
            if isFirst, owners[index] != 0 {
                tell(entry, outcome)
                if case .cell(let cell) = outcome { try store.write(cell) }
            }
            switch outcome {
            case .cell(let cell): cells.append(cell)
            case .missing(let reason):
                missing.append(MethodComparison.Missing(method: entry.method.name, budget: entry.budget, reason: reason))
            }
        }
        return MethodComparison(
            inputs: inputs, dense: dense, cells: cells, missing: missing, budgets: Set(entries.map(\.budget)).sorted(by: >),
            measure: model.isEncoder ? .cosineDistance : .loss)
    }

    private var ensemble: any Ensemble { context.execution.ensemble }

    /// What became of a cell.
    private enum Outcome: Codable {
        case cell(ComparisonCell)
        /// What the method cannot do.
        case missing(String)
    }

    private func tell(_ entry: Entry, _ outcome: Outcome) {
        switch outcome {
        case .cell(let cell):
            context.note(
                "\(entry.method.name) \(BudgetText.text(entry.budget)): \(cell.losses.map(CellText.excess).joined(separator: ", ")) over dense, "
                    + "\(NumberText.decimal(cell.seconds, places: 1)) s")
        case .missing(let reason): context.warn("\(entry.method.name) \(BudgetText.text(entry.budget)): \(reason)")
        }
    }

    /// The rank that makes each cell; nil for those that are there.
    private func owners(_ entries: [Entry], _ stored: [ComparisonCell?]) throws -> [Int?] {
        let calibration = calibrationTokens.map { tokens in
            CalibrationCost(
                model.graph, sequences: tokens.sequences.count, tokens: tokens.sequences.map(\.count).max() ?? 0)
        }
        let costs = try zip(entries, stored).map { entry, stored in
            stored != nil
                ? 0
                : try entry.manager?.costs(of: model.graph, calibration: calibration).reduce(1.0) { $0 + ($1.cost?.operations ?? 0) } ?? 1
        }
        return zip(ensemble.owners(costs), stored).map { $1 == nil ? $0 : nil }
    }

    /// The cells that rank 0 has found, for all ranks.
    private func shared(_ cells: [ComparisonCell?]) throws -> [ComparisonCell?] {
        guard ensemble.isShared else { return cells }
        let bytes = try ensemble.broadcast(Array(try JSONOutput.line(cells).utf8), from: 0)
        return try JSONOutput.value([ComparisonCell?].self, from: Data(bytes))
    }

    private func shared(_ outcome: Outcome?, from owner: Int) throws -> Outcome {
        let own = try outcome.map { Array(try JSONOutput.line($0).utf8) } ?? []
        let bytes = try ensemble.isShared ? ensemble.broadcast(own, from: owner) : own
        return try outcome ?? JSONOutput.value(Outcome.self, from: Data(bytes))
    }

    private var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

    private func execution(_ prefix: String) -> ExecutionContext {
        let own = context.execution
        return own.with(progress: CellProgress(prefix, own.progress))
    }

    /// What a method makes of the model.
    private struct Made {
        let graph: TensorGraph
        var reports: [PassReport] = []
        /// Nil for a .caplet, whose bytes are counted.
        var fileBytes: Int?
        var choice: String?
    }

    private func compressed(_ entry: Entry, _ identity: CellIdentity, _ execution: ExecutionContext) throws -> Made {
        if calibration == nil, let tokens = calibrationTokens {
            // A cell is one rank's.
            let made = try CalibrationModel(model, tokens: tokens, context.execution.alone)
            calibration = made
            learning = learningTokens.flatMap { CalibrationModel(like: made, tokens: $0) }
        }
        let isGGUF = entry.method.formatName == "gguf"
        let target =
            isGGUF ? try OutputTarget(store.measuredPath("gguf", rank: ensemble.rank), formatName: "gguf", replaces: true, context) : nil
        guard let manager = entry.manager else {
            let types = try LlamaTypes(model, calibration)
            let made = try types.largest(under: Int(entry.budget), target, path: store.path, execution)
            return Made(graph: made.graph, fileBytes: made.bytes, choice: made.name)
        }
        let byteCount = { (graph: TensorGraph) in
            try target?.byteCount(graph, provenance: [], execution) ?? self.fileBytes(graph, identity, execution)
        }
        var result = model.graph
        let reports = try manager.run(
            &result,
            PassContext(
                execution: execution, seed: inputs.seed, original: model.graph, calibration: calibration, learning: learning,
                outputByteCount: entry.method.unit == .bytes ? byteCount : nil, outputSize: target?.size(execution),
                note: { [context] in context.detail($0) }))
        return Made(graph: result, reports: reports, fileBytes: isGGUF ? try byteCount(result) : nil)
    }

    private func make(
        _ identity: CellIdentity, _ made: Made, baseline: ComparisonCell?, _ execution: ExecutionContext, since start: UInt64
    ) throws -> ComparisonCell {
        let graph = made.graph
        let transformer = try Transformer(model.with(graph), weights: .openBLAS)
        let losses = try texts.indices.map { index in
            TextLoss(try sequenceLosses(of: transformer, over: texts[index], execution), over: baseline?.losses[index])
        }
        let fileBytes = try made.fileBytes ?? self.fileBytes(graph, identity, execution)
        let cell = ComparisonCell(
            identity: identity, linearParameters: graph.linearParameterCount,
            parameters: graph.parameterCount, losses: losses, payloadBytes: graph.byteCount, fileBytes: fileBytes, choice: made.choice,
            seconds: Double(now - start) / 1e9, layers: LayerShape.all(of: graph, made.reports),
            spectra: baseline == nil ? try Spectrum.some(of: graph, execution) : nil)
        try context.reads.checkUnchanged()
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
        return try CapletFormat().byteCount(graph, at: store.measuredPath(rank: ensemble.rank), options, execution)
    }
}
