import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// The layers that a pass compresses one by one, each against the second moment of its own inputs.
///
/// Layers are visited block by block, those that share an input side by side, so that no more than one group's statistics and
/// weights are in memory at a time.
public struct CalibratedLayers {
    public let pass: String
    /// The selected tensors, in file order.
    public let tensors: [Tensor]
    public let context: PassContext
    /// Whether every layer's inputs are known.
    public let haveInputs: Bool
    let structure: GraphStructure
    private let leftAlone: [LeftAlone]
    private let calibration: (any CalibrationProvider)?
    private let statistics: Statistics

    /// What a pass wants to know of the layers' inputs.
    public enum Statistics {
        /// XᵀX / N.
        case secondMoment
        /// Its diagonal, which costs next to nothing.
        case norms
    }

    /// - Parameter needsInputs: whether the pass can do nothing without the layers' inputs.
    /// - Throws: `PassError` when no tensor is selected, and with `needsInputs` when there is no calibration text or a selected
    ///   tensor is not a linear layer inside a block.
    public init(
        _ graph: TensorGraph, _ selection: TensorSelection, pass: String, _ context: PassContext, needsInputs: Bool = true,
        statistics: Statistics = .secondMoment
    ) throws {
        self.statistics = statistics
        (tensors, leftAlone) = try selection.split(graph, pass: pass)
        self.pass = pass
        self.context = context
        structure = context.original.structure
        calibration = needsInputs ? try context.requireCalibration(for: pass) : context.calibration
        let known = Set(structure.inputGroups.flatMap(\.members))
        let unknown = tensors.first { !known.contains($0.name) }
        if needsInputs, let unknown { throw Self.inputsUnknown(unknown, pass) }
        haveInputs = calibration != nil && unknown == nil
    }

    static func inputsUnknown(_ tensor: Tensor, _ pass: String) -> PassError {
        PassError(.unsupported, pass: pass, "only linear layers inside blocks have inputs to calibrate on; '\(tensor.name)' is none")
    }

    /// Calls `body` once for each layer, on several threads, with the statistics of its inputs when `haveInputs`.
    ///
    /// - Throws: `GraphError.notFinite` for weights, `PassError` for inputs that are not finite or were not visited.
    public func forEach(_ body: (CalibratedLayer) throws -> Void) throws {
        func visit(_ index: Int, _ inputs: CalibratedLayer.Inputs?, threads: Int) throws {
            try body(layer(index, inputs, threads: threads))
        }
        guard haveInputs, let calibration else {
            let (outer, threads) = sideBySide(Array(tensors.indices))
            return try outer.uncheckedParallelFor(tensors.count) { try visit($0, nil, threads: threads) }
        }
        let positions = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
        var unvisited = Set(tensors.indices)
        func visitMembers(_ group: InputGroup, _ inputs: CalibratedLayer.Inputs) throws {
            let members = group.members.compactMap { positions[$0] }
            let (outer, threads) = sideBySide(members)
            try outer.uncheckedParallelFor(members.count) { try visit(members[$0], inputs, threads: threads) }
            unvisited.subtract(members)
        }
        switch statistics {
        case .secondMoment: try calibration.forEachSecondMoment { try visitMembers($0, .secondMoment($1)) }
        case .norms: try calibration.forEachInputNorms { try visitMembers($0, .norms($1)) }
        }
        if let missed = unvisited.min() { throw Self.inputsUnknown(tensors[missed], pass) }
    }

    /// For work on some layers side by side, as many as there is memory for; and the threads of each.
    func sideBySide(_ indices: [Int]) -> (outer: ExecutionContext, threads: Int) {
        let knowsMoments = if case .secondMoment = statistics { haveInputs } else { false }
        let outer = context.execution.sharing(layers: indices.map { tensors[$0].shape }, knowsMoments: knowsMoments)
        return (outer, max(context.execution.threads / max(min(indices.count, outer.threads), 1), 1))
    }

    /// A layer to work on.
    ///
    /// - Throws: `GraphError.notFinite` for weights, `PassError` for inputs that are not finite.
    func layer(_ index: Int, _ inputs: CalibratedLayer.Inputs?, threads: Int) throws -> CalibratedLayer {
        let execution = context.execution.with(threads: threads)
        let weight = try tensors[index].finiteMatrix(execution)
        guard inputs?.isFinite ?? true else {
            throw PassError(.unsupported, pass: pass, "the inputs of '\(tensors[index].name)' are not finite")
        }
        return CalibratedLayer(index: index, tensor: tensors[index], weight: weight, inputs: inputs, pass: pass, execution: execution)
    }

    /// Calls `body` once for each layer that is this rank's, and without inputs for those that an interrupted run had finished, which all ranks have;
    /// what comes of the others is given to all ranks, some blocks at a time.
    ///
    /// - Parameter together: called by all ranks with the rank of each layer that is done; nil for all others.
    private func forEachShared(_ together: (_ owners: [Int?]) throws -> Void, _ body: (CalibratedLayer) throws -> Void) throws {
        let (rank, execution) = (context.ensemble.rank, context.execution)
        func work(_ inputs: [Int: CalibratedLayer.Inputs?]) throws {
            let order = inputs.keys.sorted { (tensors[$1].shape.elementCount, $0) < (tensors[$0].shape.elementCount, $1) }
            let (outer, threads) = sideBySide(order)
            try outer.uncheckedParallelFor(order.count) { place in
                try body(layer(order[place], inputs[order[place]] ?? nil, threads: threads))
            }
        }
        let all = Set(tensors.indices)
        let known = all.filter { context.isFinished(tensors[$0]) }
        try work(Dictionary(uniqueKeysWithValues: known.map { ($0, nil) }))
        let windows = MomentWindows(tensors, wanted: all.subtracting(known), structure, execution)
        let positions = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
        func members(_ group: InputGroup) -> [Int] { group.members.compactMap { positions[$0] } }
        guard haveInputs, let calibration else {
            let own = all.filter { windows.owners[$0] == rank }
            try work(Dictionary(uniqueKeysWithValues: own.map { ($0, nil) }))
            return try together(windows.owners)
        }
        var unvisited = all
        var waiting: [Int: CalibratedLayer.Inputs?] = [:]
        var window = 0
        func take(_ group: InputGroup, _ inputs: CalibratedLayer.Inputs?) throws {
            while window < windows.window(of: group.block) {
                try work(waiting)
                waiting = [:]
                try together(windows.owners(inWindow: window))
                window += 1
            }
            unvisited.subtract(members(group))
            if let inputs { for index in members(group) where windows.owners[index] == rank { waiting[index] = inputs } }
        }
        switch statistics {
        case .secondMoment:
            try calibration.forEachSecondMoment(
                of: { _ in true }, at: { group in Array(Set(members(group).compactMap { windows.owners[$0] })).sorted() }
            ) { try take($0, $1.map { .secondMoment($0) }) }
        case .norms: try calibration.forEachInputNorms { try take($0, .norms($1)) }
        }
        if let missed = unvisited.min() { throw Self.inputsUnknown(tensors[missed], pass) }
        try work(waiting)
        try together(windows.owners(inWindow: window))
    }

    /// The results of `body` for all layers, in the order of `tensors`.
    public func map<Result>(_ stage: String, _ body: (CalibratedLayer) throws -> Result) throws -> [Result] {
        context.execution.progress.begin(stage, total: tensors.count, unit: "layers")
        defer { context.execution.progress.end() }
        var results = [Result?](repeating: nil, count: tensors.count)
        try results.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try forEach { layer in
                slots[layer.index] = try body(layer)
                context.execution.progress.advance(by: 1, remark: layer.tensor.name)
            }
        }
        return results.compactMap { $0 }
    }

    /// Replaces every layer in `graph` by what `compress` makes of it, within a budget; the report has that and the parameters kept,
    /// beside rank, density and output error of each tensor.
    ///
    /// - Parameter keep: share of the layers' parameters that may be kept, all together, rounded down.
    /// - Throws: `PassError` when more was kept than that, and what `compress` throws.
    public func replace(in graph: inout TensorGraph, keep: Double, _ compress: (CalibratedLayer) throws -> Payload) throws -> PassReport {
        try replace(in: &graph, keep: keep) { (try compress($0), outputError: nil) }
    }

    /// The same for a pass that knows the error of each layer's outputs, as `CalibratedLayer.measurements(of:outputError:)` takes it.
    public func replace(
        in graph: inout TensorGraph, keep: Double, _ compress: (CalibratedLayer) throws -> (payload: Payload, outputError: Double?)
    ) throws -> PassReport {
        var report = try replace(in: &graph) { layer in
            let (payload, outputError) = try compress(layer)
            return (payload, try layer.measurements(of: payload, outputError: outputError))
        }
        try checkBudget(keep, &report)
        return report
    }

    /// Enters the budget and what was kept.
    ///
    /// - Throws: `PassError` when that is more.
    func checkBudget(_ keep: Double, _ report: inout PassReport) throws {
        let total = tensors.reduce(0) { $0 + $1.shape.elementCount }
        let budget = ParameterBudget(keep: keep).parameters(of: total)
        let kept = report.tensors.reduce(0) { $0 + $1.parametersAfter }
        guard kept <= budget else {
            throw PassError(.unsupported, pass: pass, "kept \(kept) parameters, the budget is \(budget)")
        }
        report.measure("budget", Double(budget))
        report.measure("parameters.kept", Double(kept))
        report.measure("parameters.of", Double(total))
    }

    /// Replaces every layer in `graph` by what `compress` makes of it, with figures for the report; that has, with calibration text,
    /// the loss of the original model ("loss.dense") and of the result ("loss.final").
    public func replace(
        in graph: inout TensorGraph, _ compress: (CalibratedLayer) throws -> (payload: Payload, measurements: [Measurement])
    ) throws -> PassReport {
        try store(
            made { layer in
                try context.finishing(layer.tensor, isShared: true) {
                    let (payload, measurements) = try compress(layer)
                    return (payload, try TensorReport(comparing: layer.tensor, with: payload, measurements, layer.execution))
                }
            }, in: &graph)
    }

    /// Puts results into the graph and a report, with the losses.
    func store(_ results: [(Payload, TensorReport)], in graph: inout TensorGraph) throws -> PassReport {
        var report = PassReport(pass: pass)
        report.leftAlone = leftAlone
        for (payload, entry) in results {
            try graph.setPayload(payload, of: entry.name)
            report.tensors.append(entry)
        }
        try measureLosses(results.map(\.0), &report)
        return report
    }

    /// What becomes of all layers, each made by its rank, for all ranks.
    private func made(_ make: (CalibratedLayer) throws -> (Payload, TensorReport)) throws -> [(Payload, TensorReport)] {
        guard context.ensemble.isShared else { return try map(pass, make) }
        context.execution.progress.begin(pass, total: tensors.count, unit: "layers")
        defer { context.execution.progress.end() }
        var results = [(Payload, TensorReport)?](repeating: nil, count: tensors.count)
        try results.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try forEachShared { owners in
                try context.exchange(tensors, owners, in: slots)
            } _: { layer in
                slots[layer.index] = try make(layer)
                context.execution.advanceShared(remark: layer.tensor.name)
            }
        }
        return results.compactMap { $0 }
    }

    private func measureLosses(_ payloads: [Payload], _ report: inout PassReport) throws {
        guard haveInputs, let calibration else { return }
        func mean(_ losses: [Double]) -> Double { losses.reduce(0, +) / Double(max(losses.count, 1)) }
        let sequences = Array(0..<calibration.sequenceCount)
        report.measure("loss.dense", mean(try calibration.losses(sequences: sequences, replacing: [:])))
        // Dense matrices that are made when their block is computed: all at once would be a model in floats.
        var result = context.original
        for (tensor, payload) in zip(tensors, payloads) {
            let bytes = DeferredBytes(byteCount: tensor.shape.elementCount * MemoryLayout<Float>.size) {
                OwnedBytes(elements: try payload.densifiedMatrix().elements)
            }
            try result.setPayload(.dense(DenseTensor(dtype: .f32, shape: tensor.shape, bytes: bytes)), of: tensor.name)
        }
        report.measure("loss.final", mean(try calibration.losses(sequences: sequences, of: result)))
    }
}
