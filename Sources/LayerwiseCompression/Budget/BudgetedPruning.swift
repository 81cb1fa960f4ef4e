import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of a pass that prunes all selected matrices together under one budget: what it starts from, and what becomes of its results.
/// Matrices are made when they are worked on, never all of them.
public struct BudgetedPruning {
    /// The pass's name.
    public let pass: String
    /// The share of the parameters that may be kept.
    public let budget: ParameterBudget
    /// The selected tensors as the pass before left them, in file order.
    public let tensors: [Tensor]
    /// The original ones of these.
    public let originals: [Tensor]
    /// What losses and second moments come from.
    public let calibration: CountedCalibration
    /// What the pass was handed.
    public let context: PassContext
    private let leftAlone: [LeftAlone]
    /// Whether there is a model to run.
    private let hasLoss: Bool

    /// - Parameter standIn: makes what takes the place of calibration text; nil for a pass that cannot do without text.
    /// - Throws: `PassError` when no tensor is selected, there is no text, or a tensor is not in the original model.
    public init(
        _ graph: TensorGraph, _ selection: TensorSelection, _ budget: ParameterBudget, pass: String, _ context: PassContext,
        withoutText standIn: (([Tensor]) -> any CalibrationProvider)? = nil
    ) throws {
        let (selected, leftAlone) = try selection.split(graph, pass: pass)
        calibration = CountedCalibration(try standIn?(selected) ?? context.requireCalibration(for: pass))
        originals = try selected.map { tensor in
            guard let original = context.original[tensor.name] else {
                throw PassError(.unsupported, pass: pass, "'\(tensor.name)' is not in the original model")
            }
            return original
        }
        (self.pass, self.budget, self.context, self.leftAlone) = (pass, budget, context, leftAlone)
        tensors = selected
        hasLoss = standIn == nil
    }

    private var total: Int { tensors.reduce(0) { $0 + $1.shape.elementCount } }

    /// Parameters that may be kept.
    public var parameterBudget: Int { budget.parameters(of: total) }

    /// The numbers of all calibration sequences.
    public var allSequences: [Int] { Array(0..<calibration.sequenceCount) }

    /// An original weight [m, n].
    ///
    /// - Throws: `GraphError.notFinite`.
    public func weight(_ index: Int) throws -> Matrix { try originals[index].finiteMatrix(context.execution) }

    /// Matrices in the place of tensors, by position.
    ///
    /// - Parameter identity: what tells them from others.
    public func replacing(identity: String? = nil, _ make: @escaping (Int) throws -> Matrix) -> ReplacedWeights {
        ReplacedWeights(tensors.map(\.name), identity: identity, make: make)
    }

    /// The mean loss with some matrices replaced, on all sequences or some.
    public func loss(_ weights: ReplacedWeights, _ sequences: [Int]? = nil) throws -> Double {
        let losses = try calibration.losses(sequences: sequences ?? allSequences, replacing: weights)
        return losses.reduce(0, +) / Double(losses.count)
    }

    /// That of each matrix with its largest entries at the same density: the baseline, measured in the same report.
    public func magnitudeLoss() throws -> Double {
        try loss(
            replacing(identity: "magnitude, keep \(budget.keep)") { index in
                let weight = try weight(index)
                let kept = budget.parameters(of: weight.elements.count)
                return try weight.keepingLargest(kept, within: .layer, context.execution) { row in
                    weight.elements[row * weight.columns..<(row + 1) * weight.columns].map { abs($0) }
                }
            })
    }

    /// Work on layers side by side, as many as there is memory for; each may use all threads.
    public func forEach(_ indices: [Int], _ body: (_ index: Int) throws -> Void) throws {
        let execution = context.execution.sharing(layers: indices.map { tensors[$0].shape }, knowsMoments: hasLoss)
        try execution.uncheckedParallelFor(indices.count) { try body(indices[$0]) }
    }

    /// Calls `body` for each tensor of the run that is this rank's, or some of them, with the second moment of its inputs: block by block, or
    /// some blocks at a time where ranks share them, side by side.
    ///
    /// - Parameters:
    ///   - isWanted: whether a tensor is to be visited; the same for all ranks.
    ///   - together: called by all ranks when those of some blocks are done, with the rank of each of these; nil for all others.
    public func forEachSecondMoment(
        of isWanted: (_ index: Int) -> Bool = { _ in true }, together: (_ owners: [Int?]) throws -> Void,
        _ body: (_ index: Int, _ h: Matrix) throws -> Void
    ) throws {
        let (wanted, ensemble) = (Set(tensors.indices.filter(isWanted)), context.ensemble)
        var positions: [String: Int] = [:]
        for index in wanted { positions[tensors[index].name] = index }
        let windows = MomentWindows(tensors, wanted: wanted, context.original.structure, context.execution)
        var (visited, window) = (0, 0)
        var waiting: [Int: Matrix] = [:]
        func work() throws {
            // Those with the most work first.
            let order = waiting.keys.sorted { (tensors[$1].shape.elementCount, $0) < (tensors[$0].shape.elementCount, $1) }
            try forEach(order) { index in if let h = waiting[index] { try body(index, h) } }
            waiting = [:]
            try together(windows.owners(inWindow: window))
        }
        func members(_ group: InputGroup) -> [Int] { group.members.compactMap { positions[$0] } }
        try calibration.forEachSecondMoment(
            of: { !members($0).isEmpty }, at: { group in Array(Set(members(group).compactMap { windows.owners[$0] })).sorted() }
        ) { group, h in
            while window < windows.window(of: group.block) {
                try work()
                window += 1
            }
            visited += members(group).count
            if let h { for index in members(group) where windows.owners[index] == ensemble.rank { waiting[index] = h } }
        }
        try work()
        try checkVisited(visited, of: wanted.count)
    }

    /// Gives all ranks the results that each has of its own layers.
    public func exchange(_ owners: [Int?], in slots: UnsafeMutableBufferPointer<(Payload, TensorReport)?>) throws {
        try context.exchange(tensors, owners, in: slots)
    }

    private func checkVisited(_ visited: Int, of wanted: Int) throws {
        guard visited == wanted else {
            throw PassError(.unsupported, pass: pass, "only linear layers inside blocks have inputs to calibrate on")
        }
    }
}

extension BudgetedPruning {
    /// A result as it is stored, to wait for the pass to end, and its entry in the report; what an interrupted run had stored is not made again.
    ///
    /// - Parameter isShared: whether this rank makes it for all.
    public func finish(
        _ index: Int, _ dtype: StoredDType, isShared: Bool = false, _ make: () throws -> PruningResult
    ) throws -> (Payload, TensorReport) {
        try context.finishing(tensors[index], isShared: isShared) {
            let result = try make()
            let tensor = tensors[index]
            let stored = try result.payload(result.storageDType(dtype, for: tensor))
            let reference = Tensor(name: tensor.name, shape: tensor.shape, dtype: tensor.dtype, payload: originals[index].payload)
            var figures = [
                Measurement(name: "rank", value: Double(stored.rank)), Measurement(name: "density", value: stored.density ?? 0),
            ]
            if let gain = result.rankGain { figures.append(Measurement(name: "rankGain", value: gain)) }
            if let rise = result.sensitivity { figures.append(Measurement(name: "sensitivity", value: rise)) }
            return (stored, try TensorReport(comparing: reference, with: stored, figures, context.execution))
        }
    }

    /// Puts results into the graph and the report, with the loss of what is stored.
    ///
    /// - Throws: `PassError` when they are more than the budget.
    public func store(_ results: [(Payload, TensorReport)], in graph: inout TensorGraph, _ report: inout PassReport) throws {
        report.leftAlone = leftAlone
        for (payload, entry) in results {
            try graph.setPayload(payload, of: entry.name)
            report.tensors.append(entry)
        }
        let kept = report.tensors.reduce(0) { $0 + $1.parametersAfter }
        guard kept <= parameterBudget else {
            throw PassError(.unsupported, pass: pass, "kept \(kept) parameters, the budget is \(parameterBudget)")
        }
        if hasLoss {
            let stored = replacing { try results[$0].0.densifiedMatrix(context.execution) }
            report.measure("loss.final", try loss(stored))
        }
        report.measure("budget", Double(parameterBudget))
        report.measure("parameters.kept", Double(kept))
        report.measure("parameters.of", Double(total))
        report.measure("forwardPasses", calibration.forwardPasses)
        if hasLoss { report.notes.append(summary(report)) }
    }

    /// The calibration losses in one line, so that a learned allocation that does not pay is seen.
    private func summary(_ report: PassReport) -> String {
        let losses = report.measurements.filter { $0.name.hasPrefix("loss.") }
        return "calibration loss: " + losses.map { "\($0.name.dropFirst(5)) \(rounded($0.value))" }.joined(separator: ", ")
    }
}
