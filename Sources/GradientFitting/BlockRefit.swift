import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// Moves the kept values of each block in order, so that its outputs, on what the moved blocks before it really produce, are those of the
/// original model (transformer matching, 3BASiL, arXiv 2603.01376, section 4).
public struct BlockRefit {
    private let pass: String
    private let settings: GradientSettings
    private let movable: MovableTensors
    private let context: PassContext
    private let alternative: String?

    private var execution: ExecutionContext { context.execution }
    private var tensors: [Tensor] { movable.tensors }
    private var others: [Tensor] { movable.others }

    /// - Parameters:
    ///   - pass: the name of the pass.
    ///   - alternative: what is told where the model has no gradients, beside that.
    public init(
        pass: String, _ settings: GradientSettings, _ movable: MovableTensors, _ context: PassContext, otherwise alternative: String? = nil
    ) {
        (self.pass, self.settings, self.movable, self.context, self.alternative) = (pass, settings, movable, context, alternative)
    }

    private func refitter(_ fixed: ReplacedWeights) -> GradientRefit {
        GradientRefit(pass: pass, settings, seed: context.seed, fixed: fixed, execution)
    }

    private func stored(_ tensors: [Tensor]) -> ReplacedWeights { ReplacedWeights(storing: tensors, execution) }

    /// Block by block, on what the blocks before, as they are stored, really produce.
    /// - Returns: what became of the tensors, in their order.
    /// - Throws: `PassError` for a model without gradients, `Cancelled`.
    public func run(_ report: inout PassReport) throws -> [(Payload, TensorReport)] {
        let (calibration, learning, gradients) = try context.requireGradients(for: pass, on: settings.text, otherwise: alternative)
        let (structure, count) = (context.original.structure, calibration.sequenceCount)
        let positions = Dictionary(grouping: tensors.indices) { structure.block(of: tensors[$0].name) }
        execution.progress.begin(
            pass, total: refitter([:]).work(sequences: count) * positions.keys.count { $0 != nil }, unit: "sequences")
        defer { execution.progress.end() }
        var results = [(Payload, TensorReport)?](repeating: nil, count: tensors.count)
        var (before, after) = ([Double](), [Double]())
        try gradients.forEachBlockError { block, objective in
            let members = positions[block] ?? []
            let fixed = others.filter { structure.block(of: $0.name) == block }
            guard !members.isEmpty else { return stored(fixed) }
            let errors = try refit(block, members, stored(fixed), objective, (count, learning.sequenceCount)) { results[$0] = $1 }
            before.append(errors.before)
            after.append(errors.after)
            let moved = members.compactMap { index -> Tensor? in
                results[index].map {
                    Tensor(name: tensors[index].name, shape: tensors[index].shape, dtype: tensors[index].dtype, payload: $0.0)
                }
            }
            return stored(fixed + moved)
        }
        report.curves.append(Curve(name: "held-back error of each block, before", values: before))
        report.curves.append(Curve(name: "held-back error of each block, after", values: after))
        return results.compactMap { $0 }
    }

    /// Refits one block, or takes what an interrupted run has made of it.
    ///
    /// - Returns: its held-back error.
    private func refit(
        _ block: Int, _ members: [Int], _ fixed: ReplacedWeights, _ objective: any RefitObjective,
        _ sequences: (calibration: Int, learning: Int),
        _ give: (Int, (Payload, TensorReport)) -> Void
    ) throws -> (before: Double, after: Double) {
        let refitter = refitter(fixed)
        let name = "block \(block)"
        var state: RefitState?
        if context.isRecorded(pass, name), members.allSatisfy({ context.isFinished(tensors[$0]) }) {
            execution.progress.advance(by: refitter.work(sequences: sequences.calibration))
        } else {
            let snapshot = context.snapshot.flatMap { RefitState.isSnapshot($0, of: block) ? $0 : nil }
            state = try refitter.run(
                { try members.map { try RefitTensor(tensors[$0], .scales, execution) } }, objective,
                sequences: sequences.learning, calibration: sequences.calibration, from: snapshot
            ) {
                state in
                try context.keepSnapshot { try state.snapshot(of: block) }
            }
        }
        for (slot, index) in members.enumerated() {
            give(
                index,
                try context.finishingMoved(tensors[index]) {
                    guard let state else { preconditionFailure("'\(tensors[index].name)' is not finished") }
                    return try state.tensors[slot].payload(state.best[slot])
                })
        }
        let errors =
            try context.recording(pass, name) {
                guard let state else { preconditionFailure("block \(block) is not finished") }
                var found = PassSnapshot()
                found.numbers["errors"] = [state.heldBack[0], state.heldBack.min() ?? 0]
                return found
            }.numbers["errors"] ?? []
        return (errors.first ?? 0, errors.last ?? 0)
    }
}
