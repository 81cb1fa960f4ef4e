import Execution
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of the pass, block by block.
struct BESARun {
    struct Settings: Sendable {
        let keep: Double
        let perRow: Bool
        let candidates: Int
        /// λ.
        let penalty: Double
        let passes: Int
        let batch: Int
        let rate: Double
    }

    private let settings: Settings
    private let context: PassContext
    private let tensors: [Tensor]
    private let others: [Tensor]
    private let leftAlone: [LeftAlone]
    /// Where each tensor's entries begin among all, and where the last end.
    private let starts: [Int]

    private var execution: ExecutionContext { context.execution }

    /// - Throws: `PassError` when no tensor is selected, or one is no linear layer of a block.
    init(_ graph: TensorGraph, _ selection: TensorSelection, _ settings: Settings, _ context: PassContext) throws {
        (self.settings, self.context) = (settings, context)
        (tensors, leftAlone) = try selection.split(graph, pass: BESAPass.name)
        let calibrated = Set(context.original.structure.inputGroups.flatMap(\.members))
        if let unknown = tensors.first(where: { !calibrated.contains($0.name) }) {
            throw PassError(
                .unsupported, pass: BESAPass.name,
                "only linear layers inside blocks have inputs to calibrate on; '\(unknown.name)' is none")
        }
        let selected = Set(tensors.map(\.name))
        others = graph.tensors.filter { calibrated.contains($0.name) && !selected.contains($0.name) && $0.payload.elementArray == nil }
        starts = tensors.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.shape.elementCount) }
    }

    func run(_ graph: inout TensorGraph) throws -> PassReport {
        var report = PassReport(pass: BESAPass.name)
        report.leftAlone = leftAlone
        let calibration = try context.requireCalibration(for: BESAPass.name)
        guard let gradients = calibration.gradients else {
            throw PassError(.unsupported, pass: BESAPass.name, "gradients of this model are not known")
        }
        let norms = try inputNorms(calibration)
        let structure = context.original.structure
        let positions = Dictionary(grouping: tensors.indices) { structure.block(of: tensors[$0].name) }
        execution.progress.begin(
            BESAPass.name, total: positions.count * settings.passes * calibration.sequenceCount, unit: "sequences")
        defer { execution.progress.end() }
        var results = [(Payload, TensorReport)?](repeating: nil, count: tensors.count)
        var figures: [BlockFigures] = []
        try gradients.forEachBlockError { block, objective in
            let members = positions[block] ?? []
            let fixed = others.filter { structure.block(of: $0.name) == block }
            if !members.isEmpty {
                figures.append(
                    try prune(block, members, norms, stored(fixed), objective, calibration.sequenceCount) { results[$0] = $1 })
            }
            return stored(fixed + members.compactMap { index in results[index].map { tensor(index, $0.0) } })
        }
        if let missed = results.firstIndex(where: { $0 == nil }) {
            throw PassError(.unsupported, pass: BESAPass.name, "'\(tensors[missed].name)' is in no block that was run")
        }
        try store(results.compactMap { $0 }, figures, in: &graph, &report)
        return report
    }

    private func tensor(_ index: Int, _ payload: Payload) -> Tensor {
        Tensor(name: tensors[index].name, shape: tensors[index].shape, dtype: tensors[index].dtype, payload: payload)
    }

    private func stored(_ tensors: [Tensor]) -> ReplacedWeights {
        ReplacedWeights(tensors.map(\.name)) { try tensors[$0].finiteMatrix(execution) }
    }

    /// ‖X_j‖ of each layer's inputs in the original model.
    private func inputNorms(_ calibration: any CalibrationProvider) throws -> [String: [Float]] {
        var found: [String: [Float]] = [:]
        try calibration.forEachInputNorms { group, norms in
            guard norms.allSatisfy(\.isFinite) else {
                throw PassError(.unsupported, pass: BESAPass.name, "the inputs of '\(group.members[0])' are not finite")
            }
            for name in group.members { found[name] = norms }
        }
        return found
    }

    /// What was learned of a block.
    struct BlockFigures {
        /// The share of its entries that the masks prune, before they are shifted to the budget.
        let sparsity: Double
        /// The objective with masks of the last step, λ's part left out.
        let error: Double
    }

    /// Learns the rates of a block's layers and prunes them; what an interrupted run had made of it is not made again.
    private func prune(
        _ block: Int, _ members: [Int], _ norms: [String: [Float]], _ fixed: ReplacedWeights, _ objective: any RefitObjective,
        _ sequences: Int, _ give: (Int, (Payload, TensorReport)) -> Void
    ) throws -> BlockFigures {
        let name = "block \(block)"
        let isKnown = context.isRecorded(BESAPass.name, name) && members.allSatisfy { context.isFinished(tensors[$0]) }
        var layers: [PruningRates] = []
        var found = BlockFigures(sparsity: 0, error: 0)
        if isKnown {
            execution.progress.advance(by: settings.passes * sequences)
        } else {
            layers = try members.map { index in
                guard let own = norms[tensors[index].name] else {
                    throw PassError(
                        .unsupported, pass: BESAPass.name, "the inputs of '\(tensors[index].name)' were not seen in calibration")
                }
                return PruningRates(
                    try tensors[index].finiteMatrix(execution), norms: own, candidates: settings.candidates, perRow: settings.perRow,
                    sparsity: 1 - settings.keep)
            }
            found = try learn(&layers, members, fixed, objective, sequences)
        }
        let kept = isKnown ? [] : counts(layers, members)
        for (slot, index) in members.enumerated() {
            give(
                index,
                try context.finishing(tensors[index]) {
                    let matrix = layers[slot].masked { layers[slot].weight.columns - kept[slot][$0] }
                    let dtype = tensors[index].dtype.isComputable ? tensors[index].dtype : .f32
                    let payload = Payload.sparse(try SparseTensor(nonZerosOf: matrix, dtype: dtype, execution))
                    let density = Measurement(name: "density", value: payload.density ?? 0)
                    return (payload, try TensorReport(comparing: tensors[index], with: payload, [density], execution))
                })
        }
        let numbers = try context.recording(BESAPass.name, name) {
            var snapshot = PassSnapshot()
            snapshot.numbers["sparsity, error"] = [found.sparsity, found.error]
            return snapshot
        }.numbers["sparsity, error"]
        return BlockFigures(sparsity: numbers?.first ?? found.sparsity, error: numbers?.last ?? found.error)
    }

    private func learn(
        _ layers: inout [PruningRates], _ members: [Int], _ fixed: ReplacedWeights, _ objective: any RefitObjective, _ sequences: Int
    ) throws -> BlockFigures {
        let names = members.map { tensors[$0].name }
        let slots = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        let size = Double(max(layers.reduce(0) { $0 + $1.weight.elements.count }, 1))
        var (step, error) = (0, 0.0)
        var moving = layers
        for pass in 0..<settings.passes {
            let order = CounterGenerator(seed: context.seed, stream: UInt64(pass)).permutation(of: sequences)
            for start in stride(from: 0, to: sequences, by: settings.batch) {
                try execution.cancellation.check()
                let chosen = Array(order[start..<min(start + settings.batch, sequences)])
                let current = moving
                let off = Double(current.reduce(0) { $0 + $1.prunedCount }) / size - (1 - settings.keep)
                step += 1
                var moved = 0
                error = try objective.value(
                    sequences: chosen, replacing: fixed.merging(ReplacedWeights(names) { current[$0].masked() })
                ) { name, gradient in
                    guard let slot = slots[name] else { return }
                    let ofRates = 2 * settings.penalty * off * Double(current[slot].groupSize) / size
                    moving[slot].move(
                        against: current[slot].gradient(gradient, ofRates: ofRates), rate: settings.rate, step: step)
                    moved += 1
                }
                guard moved == names.count else {
                    throw PassError(.unsupported, pass: BESAPass.name, "gradients of \(names.count - moved) tensors are not known")
                }
                execution.progress.advance(by: chosen.count, remark: "objective \(rounded(error))")
            }
        }
        layers = moving
        return BlockFigures(sparsity: Double(layers.reduce(0) { $0 + $1.prunedCount }) / size, error: error)
    }

    /// Entries that each row of each layer keeps: of all of the block its exact share of the budget.
    private func counts(_ layers: [PruningRates], _ members: [Int]) -> [[Int]] {
        let all = EvenShares(
            of: ParameterBudget(keep: settings.keep).parameters(of: starts[starts.count - 1]), over: starts[starts.count - 1])
        let total = members.reduce(0) { $0 + all[starts[$1]..<starts[$1 + 1]] }
        let groups = layers.map { layer in (0..<layer.groupCount).map { 1 - layer.sparsity($0) } }
        var exact = ExactCounts(
            groups.flatMap { $0 }, sizes: layers.flatMap { [Int](repeating: $0.groupSize, count: $0.groupCount) }, total: total
        )
        .kept[...]
        return layers.map { layer in
            let own = exact.prefix(layer.groupCount)
            exact = exact.dropFirst(layer.groupCount)
            return own.flatMap { count in
                let shares = EvenShares(of: count, over: layer.rowsAGroup)
                return (0..<layer.rowsAGroup).map { shares[$0] }
            }
        }
    }

    private func store(
        _ results: [(Payload, TensorReport)], _ blocks: [BlockFigures], in graph: inout TensorGraph, _ report: inout PassReport
    ) throws {
        for (payload, entry) in results { try graph.setPayload(payload, of: entry.name) }
        report.tensors = results.map(\.1)
        let total = starts[starts.count - 1]
        let budget = ParameterBudget(keep: settings.keep).parameters(of: total)
        let kept = report.tensors.reduce(0) { $0 + $1.parametersAfter }
        guard kept <= budget else {
            throw PassError(.unsupported, pass: BESAPass.name, "kept \(kept) parameters, the budget is \(budget)")
        }
        report.curves.append(
            Curve(name: "sparsity learned of each block, before it is shifted to the budget", values: blocks.map(\.sparsity)))
        report.curves.append(Curve(name: "error of each block in the last step", values: blocks.map(\.error)))
        report.measure("budget", Double(budget))
        report.measure("parameters.kept", Double(kept))
        report.measure("parameters.of", Double(total))
    }
}
