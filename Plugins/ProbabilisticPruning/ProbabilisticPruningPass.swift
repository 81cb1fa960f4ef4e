import LinearAlgebra
import ModelGraph
import PassKit

/// Chooses under one global budget which singular values and which entries of every matrix stay: stage 2 of CAP
/// (arXiv 2505.03801, section 3.2), as published and as it works better.
public struct ProbabilisticPruningPass: Pass {
    public static let name = "prune-probabilistic"
    public static let summary = "keep the rank and entries that matter under one global parameter budget, learned by policy gradient"
    public static let options = [
        PassOption("keep", .number(0...1, allowsAuto: false), default: "0.5", "share of the selected matrices' parameters to keep"),
        PassOption(
            "mode", .choice(["learned", "scores", "uniform", "published"]), default: "learned",
            "learned: layer weights by policy gradient, from measured sensitivities; scores: those alone; uniform: every layer the same share; "
                + "published: one Bernoulli variable a unit"),
        PassOption(
            "objective", .choice(["loss", "block", "weights"]), default: "loss",
            "what layers are weighed by: the model's loss; the outputs of their blocks, for models too large to run whole again and again; "
                + "or nothing but the weights, without text"),
        PassOption(
            "refit", .choice(["auto", "none", "values", "solve"]), default: "auto",
            "none: values of the pools; values: S = W − L on the support; solve: support and values against the layer's inputs; auto: none for published, else solve"
        ),
        PassOption(
            "sequential", .flag, default: "false",
            "solve each block against the inputs that the compressed blocks before it really produce"),
        PassOption("batch", .integer(1...4096), default: "8", "calibration sequences a step"),
        PassOption("steps", .integer(0...100_000), default: "60", "steps of mode=learned"),
        PassOption("sigma", .number(0.001...4, allowsAuto: false), default: "0.25", "spread of the samples of mode=learned"),
        PassOption("passes", .integer(1...1000), default: "3", "passes over the calibration set of mode=published"),
        PassOption("window", .integer(1...1000), default: "5", "losses in the moving average of mode=published"),
        PassOption(
            "rate", .number(0...10, allowsAuto: true), default: "auto", "learning rate; auto is 0.02 for mode=learned, 0.05 for published"),
        PassOption(
            "dtype", .choice(["auto", "f16", "bf16", "f32"]), default: "auto",
            "how U, V and S are kept; auto is the tensor's own dtype where that has 16 bits, else f16 if its range allows"),
        TensorSelection.option,
    ]

    let keep: Double
    let mode: String
    let objective: String
    let refit: String
    let isSequential: Bool
    let batch: Int
    let steps: Int
    let sigma: Double
    let passes: Int
    let window: Int
    let rate: Double
    let dtype: DType?
    let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        keep = options.number("keep")
        mode = options.word("mode")
        objective = options.word("objective")
        let chosen = options.word("refit")
        refit = chosen == "auto" ? (options.word("mode") == "published" ? "none" : "solve") : chosen
        isSequential = options.flag("sequential")
        batch = options.integer("batch")
        steps = options.integer("steps")
        sigma = options.number("sigma")
        passes = options.integer("passes")
        window = options.integer("window")
        rate = options.automaticNumber("rate") ?? (options.word("mode") == "published" ? 0.05 : 0.02)
        dtype = DType(name: options.word("dtype"))
        selection = TensorSelection(options)
        guard keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
        guard mode != "published" || objective == "loss" else {
            throw PassError(.usage, pass: Self.name, "mode=published knows objective=loss only")
        }
    }

    public var needsCalibration: Bool { objective != "weights" }

    /// Nearly all is forward passes: with mode=learned two of a batch a step, half a pass of 16 sequences a layer for the sensitivities, and some ten
    /// over the whole set; with mode=published a pass each, of which a fifth more is drawing and updating. The solves take 3n³ + 2mn² a layer.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let selected = try selection.split(graph, pass: Self.name).selected
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            let solve = refit == "solve" ? 3 * n * n * n + 2 * m * n * n : 0
            return PassCost(
                operations: solve, bytesMoved: 400 * m * n, workingBytes: 0, resultBytes: 2 * keep * m * n + m * n / 8,
                parallelism: 1)
        }
        // Weights, scores and candidates of all layers.
        cost.workingBytes = 20 * selected.reduce(0.0) { $0 + Double($1.shape.elementCount) }
        if objective == "weights" { return cost }
        guard let calibration, objective == "loss" else { return nil }
        let count = Double(calibration.sequenceCount)
        let sensitivities = (1 + Double(selected.count) / 2) * min(16, count) / count
        let passesOverSet: Double
        switch mode {
        case "learned": passesOverSet = 2 * Double(steps) * Double(min(batch, calibration.sequenceCount)) / count + sensitivities + 10
        case "scores": passesOverSet = sensitivities + 6
        case "uniform": passesOverSet = 5
        default: passesOverSet = 1.2 * Double(passes) + 2
        }
        cost.operations += passesOverSet * calibration.forward + calibration.secondMoments
        cost.workingBytes += calibration.workingBytes
        cost.parallelism = max(cost.parallelism, calibration.sequenceCount)
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        let (selected, leftAlone) = try selection.split(graph, pass: Self.name)
        report.leftAlone = leftAlone
        let calibration = CountedCalibration(
            objective == "weights" ? WeightsAlone(selected) : try context.requireCalibration(for: Self.name))
        let weights = try selected.map { tensor -> Matrix in
            guard let original = context.original[tensor.name] else {
                throw PassError(.unsupported, pass: Self.name, "'\(tensor.name)' is not in the original model")
            }
            return try original.finiteMatrix()
        }
        let total = selected.reduce(0) { $0 + $1.shape.elementCount }
        let budget = Int((keep * Double(total)).rounded(.down))
        let run = PruningRun(
            pass: self, tensors: selected, weights: weights, budget: budget, calibration: calibration, context: context)
        let results = try mode == "published" ? run.published(&report) : run.priced(&report)

        let entries = try context.execution.parallelMap(selected.count) { index in
            let stored = try results[index].payload(dtype ?? results[index].storageDType(for: selected[index].dtype))
            let reference = Tensor(
                name: selected[index].name, shape: selected[index].shape, dtype: selected[index].dtype,
                payload: context.original[selected[index].name]?.payload ?? selected[index].payload)
            var figures = [
                Measurement(name: "rank", value: Double(stored.rank)), Measurement(name: "density", value: stored.density ?? 0),
            ]
            if let gain = results[index].rankGain { figures.append(Measurement(name: "rankGain", value: gain)) }
            if let rise = results[index].sensitivity { figures.append(Measurement(name: "sensitivity", value: rise)) }
            let entry = try TensorReport(comparing: reference, with: stored, figures, context.execution.with(threads: 1))
            return (stored, entry)
        }
        for (payload, entry) in entries {
            try graph.setPayload(payload, of: entry.name)
            report.tensors.append(entry)
        }
        try finish(&report, graph, budget: budget, total: total, calibration)
        return report
    }

    /// The loss of what is stored, and the check that the budget was kept.
    private func finish(
        _ report: inout PassReport, _ graph: TensorGraph, budget: Int, total: Int, _ calibration: CountedCalibration
    ) throws {
        let kept = report.tensors.reduce(0) { $0 + $1.parametersAfter }
        guard kept <= budget else {
            throw PassError(.unsupported, pass: Self.name, "kept \(kept) parameters, the budget is \(budget)")
        }
        if objective != "weights" {
            let stored = try Dictionary(
                uniqueKeysWithValues: report.tensors.map { entry in
                    (entry.name, try graph[entry.name]?.payload.densifiedMatrix() ?? Matrix(zeros: 0, 0))
                })
            let losses = try calibration.losses(sequences: Array(0..<calibration.sequenceCount), replacing: stored)
            report.measure("loss.final", losses.reduce(0, +) / Double(losses.count))
        }
        report.measure("budget", Double(budget))
        report.measure("parameters.kept", Double(kept))
        report.measure("parameters.of", Double(total))
        report.measure("forwardPasses", calibration.forwardPasses)
        if objective != "weights" { report.notes.append(summary(report)) }
    }

    /// The calibration losses in one line, so that a learned allocation that does not pay is seen.
    private func summary(_ report: PassReport) -> String {
        let losses = report.measurements.filter { $0.name.hasPrefix("loss.") }
        return "calibration loss: " + losses.map { "\($0.name.dropFirst(5)) \(rounded($0.value))" }.joined(separator: ", ")
    }
}
