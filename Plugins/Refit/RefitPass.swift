import LinearAlgebra
import ModelGraph
import PassKit

/// Moves the values that a pruning pass kept, U, V and S on its positions, so that the model does again what it did: no position,
/// rank or parameter is added. It serves any pruned model.
///
/// Objectives: the divergence of the whole model's predictions from the original's; the error of each block's outputs on what the
/// refitted blocks before it produce (as in transformer matching, 3BASiL, arXiv 2510.25609); or the weights alone.
///
/// Cost of objective=loss for N calibration tokens, P parameters in linear layers and p passes: about 10·P·N·p floating-point operations
/// (forward, forward again, and back to activations and weights), and the block inputs of one batch in memory; of objective=block
/// 8·P·N·p, and the inputs and outputs of one block over the whole set.
public struct RefitPass: Pass {
    public static let name = "refit"
    public static let summary = "move what a pruning pass kept, so that the model does again what it did"
    /// What is made small.
    enum Objective: String, CaseIterable, Sendable {
        case loss, block, weights
    }

    private static let objective = ChoiceOption<Objective>(
        "objective", default: .loss,
        "loss: the divergence of predictions from the original's; block: each block's outputs; weights: the weights alone, without text")
    private static let learns = OptionRequirement.equals(objective, .loss, .block)
    private static let passes = IntegerOption("passes", in: 1...1000, default: 8, "passes over the calibration set", requires: [learns])
    private static let batch = IntegerOption("batch", in: 1...4096, default: 4, "calibration sequences a step", requires: [learns])
    private static let rate = OptionOrWord<NumberOption>(
        "rate", in: 0...1, or: "auto",
        "size of a step, as a share of the values' root mean square; auto is 0.01, or less where that does not help in the first pass",
        requires: [learns])
    public static let options: [any PassOption] = [objective, passes, batch, rate, TensorSelection.option]
    public static let reads: PassReads = [.parts, .original, .calibration]
    public static let leaves = PassResult.other

    private let objective: Objective
    private let passes: Int
    private let batch: Int
    private let rate: Double?
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        objective = options[Self.objective]
        passes = options[Self.passes]
        batch = options[Self.batch]
        rate = options[Self.rate]
        selection = TensorSelection(options)
    }

    public var needsCalibration: Bool { objective != .weights }

    /// See the type's comment: as forward passes over the set, five a pass for objective=loss and four for objective=block; for the weights alone
    /// some products of U and V.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: objective == .weights ? 10 * m * n * min(m, n) : 0, bytesMoved: 200 * m * n,
                workingBytes: 24 * m * n,
                resultBytes: 2 * m * n, parallelism: 1)
        }
        if objective == .weights { return cost }
        guard let calibration else { return nil }
        cost.operations += (objective == .block ? 4 : 5) * Double(passes) * calibration.forward + 2 * calibration.forward
        // Values, gradients and two moments of all that moves.
        let moving = try selection.split(graph, pass: Self.name).selected.reduce(0) { $0 + $1.shape.elementCount }
        cost.workingBytes += calibration.workingBytes + 16 * Double(moving)
        cost.parallelism = max(cost.parallelism, calibration.sequenceCount)
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        let (selected, leftAlone) = try selection.split(graph, pass: Self.name)
        report.leftAlone = leftAlone
        let calibrated = Set(context.original.structure.inputGroups.flatMap(\.members))
        var tensors: [RefitTensor] = []
        for tensor in selected {
            guard let movable = try RefitTensor(tensor) else {
                report.leftAlone.append(LeftAlone(name: tensor.name, reason: "has no sparse or low-rank values in floats"))
                continue
            }
            guard objective == .weights || calibrated.contains(tensor.name) else {
                report.leftAlone.append(
                    LeftAlone(name: tensor.name, reason: "is no linear layer of a block: only objective=weights moves it"))
                continue
            }
            tensors.append(movable)
        }
        guard !tensors.isEmpty else {
            report.notes.append("nothing here was pruned: no tensor has sparse or low-rank values")
            return report
        }
        let moved = Set(tensors.map(\.name))
        var fixed: [String: Matrix] = [:]
        for tensor in graph.tensors where calibrated.contains(tensor.name) && !moved.contains(tensor.name) {
            if tensor.payload.elementArray != nil { continue }
            fixed[tensor.name] = try tensor.finiteMatrix()
        }
        switch objective {
        case .weights: tensors = try refitWeights(tensors, context)
        case .block: tensors = try refitBlocks(tensors, fixed, context, &report)
        case .loss: tensors = try refitLoss(tensors, fixed, context, &report)
        }
        for tensor in tensors {
            guard let before = graph[tensor.name] else { continue }
            let payload = try tensor.payload(like: before.payload)
            let figures = [
                Measurement(name: "rank", value: Double(payload.rank)), Measurement(name: "density", value: payload.density ?? 0),
            ]
            report.tensors.append(try TensorReport(comparing: before, with: payload, figures, context.execution))
            try graph.setPayload(payload, of: tensor.name)
        }
        return report
    }

    private func refitWeights(_ tensors: [RefitTensor], _ context: PassContext) throws -> [RefitTensor] {
        try context.execution.uncheckedParallelMap(tensors.count) { index in
            try WeightRefit().refit(tensors[index], to: original(tensors[index], context).finiteMatrix())
        }
    }

    private func original(_ tensor: RefitTensor, _ context: PassContext) throws -> Tensor {
        guard let original = context.original[tensor.name] else {
            throw PassError(.unsupported, pass: Self.name, "'\(tensor.name)' is not in the original model")
        }
        return original
    }

    private func gradients(_ context: PassContext) throws -> (any CalibrationProvider, any GradientProvider) {
        let calibration = try context.requireCalibration(for: Self.name)
        guard let gradients = calibration.gradients else {
            throw PassError(.unsupported, pass: Self.name, "gradients of this model are not known; objective=weights needs none")
        }
        return (calibration, gradients)
    }

    private func refitter(_ fixed: [String: Matrix], _ context: PassContext) -> GradientRefit {
        GradientRefit(passes: passes, batch: batch, rate: rate, seed: context.seed, fixed: fixed, execution: context.execution)
    }

    private func refitLoss(
        _ tensors: [RefitTensor], _ fixed: [String: Matrix], _ context: PassContext, _ report: inout PassReport
    ) throws -> [RefitTensor] {
        let (calibration, gradients) = try gradients(context)
        let refitter = refitter(fixed, context)
        context.execution.progress.begin(
            Self.name, total: refitter.work(sequences: calibration.sequenceCount), unit: "sequences")
        defer { context.execution.progress.end() }
        let outcome = try refitter.run(
            tensors, try gradients.divergence(), sequences: calibration.sequenceCount, from: context.snapshot, keep: context.keepSnapshot)
        report.curves.append(Curve(name: "divergence of each step", values: outcome.steps))
        report.curves.append(Curve(name: "held-back divergence after each pass", values: outcome.heldBack))
        let (before, after) = (outcome.heldBack[0], outcome.heldBack.min() ?? 0)
        report.measure("divergence.heldBack.before", before)
        report.measure("divergence.heldBack.after", after)
        report.measure("rate", outcome.rate)
        report.measure("forwardPasses", 1 + outcome.forwardPasses(calibration.sequenceCount))
        report.notes.append("held-back divergence from the original: \(rounded(before)) before, \(rounded(after)) after, nats a token")
        return outcome.tensors
    }

    private func refitBlocks(
        _ tensors: [RefitTensor], _ fixed: [String: Matrix], _ context: PassContext, _ report: inout PassReport
    ) throws -> [RefitTensor] {
        let (calibration, gradients) = try gradients(context)
        let structure = context.original.structure
        let positions = Dictionary(grouping: tensors.indices) { structure.block(of: tensors[$0].name) }
        let blocks = positions.keys.count { $0 != nil }
        context.execution.progress.begin(
            Self.name, total: refitter([:], context).work(sequences: calibration.sequenceCount) * blocks, unit: "sequences")
        defer { context.execution.progress.end() }
        var done = try context.snapshot.map { try RefitBlocks($0, tensors) } ?? RefitBlocks(tensors)
        let finished = Set(done.blocks)
        try gradients.forEachBlockError { block, objective in
            let members = positions[block] ?? []
            let fixed = fixed.filter { structure.block(of: $0.key) == block }
            guard !members.isEmpty else { return ReplacedWeights(fixed) }
            let refitter = refitter(fixed, context)
            if finished.contains(block) {
                context.execution.progress.advance(by: refitter.work(sequences: calibration.sequenceCount))
            } else {
                done.add(
                    try refitter.run(members.map { tensors[$0] }, objective, sequences: calibration.sequenceCount), block: block, members)
                try context.keepSnapshot { done.snapshot }
            }
            return ReplacedWeights(try fixed.merging(members.map { (tensors[$0].name, try done.tensors[$0].matrix()) }) { _, moved in moved })
        }
        report.curves.append(Curve(name: "held-back error of each block, before", values: done.before))
        report.curves.append(Curve(name: "held-back error of each block, after", values: done.after))
        return done.tensors
    }
}
