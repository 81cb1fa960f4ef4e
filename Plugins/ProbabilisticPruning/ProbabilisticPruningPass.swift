import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// Chooses under one global budget which singular values and which entries of every matrix stay, by what each is worth for a parameter.
///
/// The setting is that of CAP's stage 2 (arXiv 2505.03801, section 3.2); the variables are one a layer, where the paper has one a unit.
public struct ProbabilisticPruningPass: Pass {
    public static let name = "prune-probabilistic"
    public static let summary = "keep the rank and entries that matter under one global parameter budget, learned by policy gradient"

    /// How layers are weighed.
    enum Mode: String, CaseIterable, Sendable {
        case learned, scores, uniform
    }

    /// What layers are weighed by.
    enum Objective: String, CaseIterable, Sendable {
        case loss, block, weights
    }

    /// What becomes of the entries that are chosen.
    enum Refit: String, CaseIterable, Sendable {
        case solve, none
    }

    /// What an output of a layer counts beside the others of the layer.
    enum Outputs: String, CaseIterable, Sendable {
        case fisher, alike
    }

    private static let objective = ChoiceOption<Objective>(
        "objective", default: .loss,
        "what layers are weighed by: the model's loss; the outputs of their blocks, for models too large to run whole again and again; "
            + "or nothing but the weights, without text")
    private static let mode = ChoiceOption<Mode>(
        "mode", default: .learned,
        "learned: layer weights by policy gradient, from measured sensitivities; scores: those alone; uniform: every layer the same share",
        [.learned: [.equals(objective, .loss)], .scores: [.equals(objective, .loss, .block)]])
    private static let outputs = ChoiceOption<Outputs>(
        "outputs", default: .fisher,
        "what outputs of a layer count beside each other: fisher: what an error in each costs the model's predictions, by one pass forward and "
            + "back, with objective=block over a quarter of the text, and for what blocks put out too; alike: all the same",
        requires: [.equals(objective, .loss, .block)])
    private static let refit = ChoiceOption<Refit>(
        "refit", default: .solve, "solve: support and values against the layer's inputs; none: the best entries with the values they have",
        requires: [.equals(objective, .loss, .block)])
    private static let sequential = FlagOption(
        "sequential", default: false, "solve each block against the inputs that the compressed blocks before it really produce",
        requires: [.equals(objective, .loss, .block), .equals(refit, .solve)])
    private static let batch = IntegerOption(
        "batch", in: 1...4096, default: 8, "calibration sequences a step; sensitivities are measured on two batches",
        requires: [.equals(objective, .loss, .block), .equals(mode, .learned, .scores)])
    private static let steps = IntegerOption(
        "steps", in: 0...100_000, default: 60, "steps of the policy gradient",
        requires: [.equals(mode, .learned), .equals(objective, .loss)])
    private static let ofLearning: [OptionRequirement] = [.equals(mode, .learned), .equals(objective, .loss), .isAboveZero(steps)]
    private static let sigma = NumberOption("sigma", in: 0.001...4, default: 0.25, "spread of the samples", requires: ofLearning)
    private static let rate = NumberOption("rate", in: 0...10, default: 0.02, "learning rate", requires: ofLearning)
    public static let options: [any PassOption] = [
        ParameterBudget.option, mode, objective, outputs, refit, sequential, batch, steps, sigma, rate, StoredDType.option,
        TensorSelection.option,
    ]
    public static let reads: PassReads = [.lowRank, .original, .calibration]
    public static let leaves = PassResult.parts

    let budget: ParameterBudget
    let mode: Mode
    let objective: Objective
    let outputs: Outputs
    /// Whether supports and values are solved against the layers' inputs.
    let solves: Bool
    let isSequential: Bool
    let batch: Int
    let steps: Int
    let sigma: Double
    let rate: Double
    let dtype: StoredDType
    let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        budget = ParameterBudget(options)
        objective = options[Self.objective]
        // Against block outputs nothing is learned, and against the weights alone nothing is measured.
        switch objective {
        case .loss: mode = options[Self.mode]
        case .block: mode = options[Self.mode] == .uniform ? .uniform : .scores
        case .weights: mode = .uniform
        }
        outputs = objective == .weights ? .alike : options[Self.outputs]
        solves = objective != .weights && options[Self.refit] == .solve
        isSequential = options[Self.sequential]
        batch = options[Self.batch]
        steps = options[Self.steps]
        sigma = options[Self.sigma]
        rate = options[Self.rate]
        dtype = options[StoredDType.option]
        selection = TensorSelection(options)
        guard budget.keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
    }

    public var needsCalibration: Bool { objective != .weights }

    /// Nearly all is forward passes: with mode=learned two of a batch a step, half a pass of 16 sequences a layer for the sensitivities, and some ten
    /// over the whole set. Then what the solver takes, and the ranks that are tried where a pass before this one has found low-rank parts.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let selected = try selection.split(graph, pass: Self.name).selected
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            let (rows, columns, entries) = (Int(m), Int(n), Int(budget.keep * m * n))
            let solve = solves ? SparseSolver.operations(rows: rows, columns: columns, entries: entries) : 0
            let ranks = objective == .weights ? 0 : RankChoice.operations(rows: rows, columns: columns, entries: entries)
            return PassCost(
                operations: solve + ranks, bytesMoved: 400 * m * n, workingBytes: 4 * (8 * m * n + (solves ? 6 * n * n : 0)),
                resultBytes: 2 * budget.keep * m * n + m * n / 8, parallelism: max(1, Int(m) / 64))
        }
        cost.parallelism = selected.count
        if objective == .weights { return cost }
        guard let calibration else { return nil }
        let count = Double(calibration.sequenceCount)
        calibration.add(to: &cost)
        cost.operations += 2 * calibration.secondMoments
        if objective == .block {
            // Two passes for moments, two for what blocks put out, the measurements, and one for the loss of the result.
            let prices = outputs == .fisher ? OutputCurvature.forwardPasses / Double(OutputCurvature.spacing) : 0
            cost.operations += ((mode == .uniform ? 4 : 7) + prices) * calibration.forward
            return cost
        }
        let sensitivities = (1 + Double(selected.count) / 2) * min(16, count) / count
        let passesOverSet: Double
        switch mode {
        case .learned: passesOverSet = 2 * Double(steps) * Double(min(batch, calibration.sequenceCount)) / count + sensitivities + 10
        case .scores: passesOverSet = sensitivities + 6
        case .uniform: passesOverSet = 5
        }
        cost.operations += (passesOverSet + (outputs == .fisher ? OutputCurvature.forwardPasses : 0)) * calibration.forward
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        let common = try BudgetedPruning(
            graph, selection, budget, pass: Self.name, context, withoutText: objective == .weights ? { WeightsAlone($0) } : nil)
        try common.store(PruningRun(pass: self, common: common).run(&report), in: &graph, &report)
        return report
    }
}
