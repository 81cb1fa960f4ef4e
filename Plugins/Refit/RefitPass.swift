import GradientFitting
import LinearAlgebra
import ModelGraph
import PassKit

/// Moves the values that a pruning pass kept, U, V and S on its positions, and the scales of codes and of ggml's blocks, so that the model
/// does again what it did: no position, rank, parameter or code is added. It serves any pruned or quantised model.
///
/// Objectives: the divergence of the whole model's predictions from the original's; the error of each block's outputs on what the
/// refitted blocks before it produce (as in transformer matching, 3BASiL, arXiv 2603.01376); or the weights alone.
///
/// Cost of objective=loss for N calibration tokens, P parameters in linear layers and p passes: about 10·P·N·p floating-point operations
/// (forward, forward again, and back to activations and weights), and the block inputs of one batch in memory; of objective=block
/// 8·P·N·p, and the inputs and outputs of one block over the whole set.
public struct RefitPass: Pass {
    public static let name = "refit"
    public static let summary =
        "move what a pruning pass kept, and the scales of codes and blocks, so that the model does again what it did"
    /// What is made small.
    enum Objective: String, CaseIterable, Sendable {
        case loss, block, weights
    }

    private static let objective = ChoiceOption<Objective>(
        "objective", default: .loss,
        "loss: the divergence of predictions from the original's; block: each block's outputs; weights: the weights alone, without text")
    private static let learns = OptionRequirement.equals(objective, .loss, .block)
    private static let gradients = GradientSettings.Options(passes: 8, requires: [learns])
    public static let options: [any PassOption] = [objective] + gradients.all + [SizeLimit.option, TensorSelection.option]
    public static let reads: PassReads = [.parts, .original, .calibration]
    public static let leaves = PassResult.other

    let objective: Objective
    let settings: GradientSettings
    private let limit: SizeLimit
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        limit = SizeLimit(options)
        objective = options[Self.objective]
        settings = Self.gradients.chosen(options)
        selection = TensorSelection(options)
    }

    public var needsCalibration: Bool { objective != .weights }

    /// See the type's comment: as forward passes over the set, five a pass for objective=loss and four for objective=block; for the weights alone
    /// some products of U and V.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: objective == .weights ? 10 * m * n * min(m, n) : 0, bytesMoved: 200 * m * n,
                workingBytes: objective == .weights ? 32 * m * n : 0,
                resultBytes: 2 * m * n, parallelism: 1)
        }
        if objective == .weights { return cost }
        guard let calibration else { return nil }
        cost.operations += (objective == .block ? 4 : 5) * Double(settings.passes) * calibration.forward
        // What enters the blocks of all sequences that are learned from; the losses before and after.
        cost.operations += 2 * (objective == .block ? settings.mostSequences : 1) * calibration.forward
        // Values, the best of them and two moments of all that moves, half of the entries, or of a block; a block's weights and gradients.
        let moving = try selection.split(graph, pass: Self.name).selected.reduce(0.0) { $0 + Double($1.shape.elementCount) } / 2
        calibration.add(to: &cost)
        cost.workingBytes *= 3
        cost.sharedBytes += calibration.blockBytes
        if objective == .block { cost.scratchBytes += 2 * (settings.mostSequences - 1) * calibration.stateBytes }
        cost.scratchBytes += 16 * moving / (objective == .block ? Double(max(graph.structure.blockCount, 1)) : 1)
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        try limit.check(pass: Self.name, context)
        let movable = try MovableTensors(
            graph, selection, pass: Self.name, context, objective == .weights ? [] : .scales,
            outsideBlocks: objective == .weights ? nil : "is no linear layer of a block: gradients are of those")
        report.leftAlone = movable.leftAlone
        guard !movable.tensors.isEmpty else {
            report.notes.append(MovableTensors.nothing)
            return report
        }
        let results: [(Payload, TensorReport)]
        switch objective {
        case .weights: results = try RefitRun(movable: movable, context: context).refitWeights()
        case .block:
            results = try BlockRefit(pass: Self.name, settings, movable, context, otherwise: Self.alternative).run(&report)
        case .loss:
            results = try LossRefit(pass: Self.name, settings, movable, .scales, context)
                .run(
                    LossRefit.Names(figure: "divergence", text: "divergence from the original"), otherwise: Self.alternative, &report
                ) { [graph] in try $0.divergence(of: graph) }
        }
        try limit.take(results, into: &graph, pass: Self.name, context, &report)
        return report
    }

    private static let alternative = "objective=weights needs none"
}
