import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of a pass that prunes all selected matrices together under one budget: what it starts from, and what becomes of its results.
public struct BudgetedPruning {
    /// The pass's name.
    public let pass: String
    /// The share of the parameters that may be kept.
    public let budget: ParameterBudget
    /// The selected tensors as the pass before left them, in file order.
    public let tensors: [Tensor]
    /// The original weights [m, n] of these.
    public let weights: [Matrix]
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
        weights = try selected.map { tensor -> Matrix in
            guard let original = context.original[tensor.name] else {
                throw PassError(.unsupported, pass: pass, "'\(tensor.name)' is not in the original model")
            }
            return try original.finiteMatrix()
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

    /// The mean loss with some matrices replaced, on all sequences or some.
    public func loss(_ weights: [String: Matrix], _ sequences: [Int]? = nil) throws -> Double {
        let losses = try calibration.losses(sequences: sequences ?? allSequences, replacing: weights)
        return losses.reduce(0, +) / Double(losses.count)
    }

    /// That of each matrix with its largest entries at the same density: the baseline, measured in the same report.
    public func magnitudeLoss() throws -> Double {
        let matrices = try context.execution.uncheckedParallelMap(weights.count) { index in
            let magnitudes = [weights[index].elements.map { abs($0) }]
            let kept = budget.parameters(of: magnitudes[0].count)
            if kept == 0 { return Matrix(zeros: weights[index].rows, weights[index].columns) }
            let selection = OrderStatistic(largest: kept, of: magnitudes).selection(of: magnitudes)[0]
            var matrix = weights[index]
            for position in selection.indices where !selection[position] { matrix.elements[position] = 0 }
            return matrix
        }
        return try loss(Dictionary(uniqueKeysWithValues: zip(tensors.map(\.name), matrices)))
    }

    /// Calls `body` for each tensor of the run with the second moment of its inputs: block by block, the layers of a block side by
    /// side, those with the most work first.
    public func forEachSecondMoment(_ body: (_ index: Int, _ h: Matrix) throws -> Void) throws {
        var positions: [String: Int] = [:]
        for (index, tensor) in tensors.enumerated() { positions[tensor.name] = index }
        var visited = 0
        var block = 0
        var waiting: [(index: Int, h: Matrix)] = []
        func work() throws {
            let ordered = waiting.sorted { ($1.h.rows, $0.index) < ($0.h.rows, $1.index) }
            try context.execution.uncheckedParallelFor(ordered.count) { try body(ordered[$0].index, ordered[$0].h) }
            visited += ordered.count
            waiting = []
        }
        try calibration.forEachSecondMoment { group, h in
            if group.block != block { try work() }
            block = group.block
            waiting += group.members.compactMap { positions[$0] }.map { ($0, h) }
        }
        try work()
        guard visited == tensors.count else {
            throw PassError(.unsupported, pass: pass, "only linear layers inside blocks have inputs to calibrate on")
        }
    }
}

extension BudgetedPruning {
    /// Puts the results into the graph and the report, with the loss of what is stored.
    ///
    /// - Throws: `PassError` when they are more than the budget.
    public func store(_ results: [PruningResult], _ dtype: StoredDType, in graph: inout TensorGraph, _ report: inout PassReport) throws {
        report.leftAlone = leftAlone
        let entries = try context.execution.uncheckedParallelMap(tensors.count) { index in
            let tensor = tensors[index]
            let stored = try results[index].payload(results[index].storageDType(dtype, for: tensor))
            let reference = Tensor(
                name: tensor.name, shape: tensor.shape, dtype: tensor.dtype,
                payload: context.original[tensor.name]?.payload ?? tensor.payload)
            var figures = [
                Measurement(name: "rank", value: Double(stored.rank)), Measurement(name: "density", value: stored.density ?? 0),
            ]
            if let gain = results[index].rankGain { figures.append(Measurement(name: "rankGain", value: gain)) }
            if let rise = results[index].sensitivity { figures.append(Measurement(name: "sensitivity", value: rise)) }
            return (stored, try TensorReport(comparing: reference, with: stored, figures, context.execution.with(threads: 1)))
        }
        for (payload, entry) in entries {
            try graph.setPayload(payload, of: entry.name)
            report.tensors.append(entry)
        }
        try finish(&report, graph)
    }

    /// The loss of what is stored, and the check that the budget was kept.
    private func finish(_ report: inout PassReport, _ graph: TensorGraph) throws {
        let kept = report.tensors.reduce(0) { $0 + $1.parametersAfter }
        guard kept <= parameterBudget else {
            throw PassError(.unsupported, pass: pass, "kept \(kept) parameters, the budget is \(parameterBudget)")
        }
        if hasLoss {
            let stored = try Dictionary(
                uniqueKeysWithValues: report.tensors.map { entry in
                    (entry.name, try graph[entry.name]?.payload.densifiedMatrix() ?? Matrix(zeros: 0, 0))
                })
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
