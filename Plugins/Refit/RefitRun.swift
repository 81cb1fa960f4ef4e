import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of the pass over the tensors that move.
struct RefitRun {
    let pass: RefitPass
    /// As the pass before left them, in file order.
    let tensors: [Tensor]
    /// Linear layers that other passes changed and that stay as they are.
    let others: [Tensor]
    let context: PassContext

    private var execution: ExecutionContext { context.execution }

    /// What another matrix than the original's stands for, of tensors that stay as they are.
    private func stored(_ tensors: [Tensor]) -> ReplacedWeights {
        ReplacedWeights(tensors.map(\.name)) { try tensors[$0].finiteMatrix(execution) }
    }

    private func movable(_ tensor: Tensor) throws -> RefitTensor {
        try RefitTensor(tensor, execution)
    }

    /// A tensor with its values moved, to wait for the pass to end.
    private func finish(
        _ tensor: Tensor, isShared: Bool = false, _ make: () throws -> Payload
    ) throws -> (Payload, TensorReport) {
        try context.finishing(tensor, isShared: isShared) {
            let payload = try make()
            let figures = [
                Measurement(name: "rank", value: Double(payload.rank)), Measurement(name: "density", value: payload.density ?? 0),
            ]
            return (payload, try TensorReport(comparing: tensor, with: payload, figures, execution))
        }
    }

    func refitWeights() throws -> [(Payload, TensorReport)] {
        let largest = tensors.map { $0.shape.elementCount }.max() ?? 0
        let owners = context.owners(tensors, isKnown: context.isFinished) {
            Double($0.shape.elementCount) * Double(max(min($0.shape.rows, $0.shape.columns), 1))
        }
        let own = context.own(owners)
        var results = [(Payload, TensorReport)?](repeating: nil, count: tensors.count)
        try results.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try execution.sharing(bytesEach: 32 * largest).uncheckedParallelFor(own.count) { place in
                let index = own[place]
                slots[index] = try finish(tensors[index], isShared: true) {
                    let tensor = try movable(tensors[index])
                    guard let original = context.original[tensor.name] else {
                        throw PassError(.unsupported, pass: RefitPass.name, "'\(tensor.name)' is not in the original model")
                    }
                    try WeightRefit().refit(tensor, to: original.finiteMatrix(execution))
                    return try tensor.payload(tensor.values)
                }
            }
        }
        try context.exchange(tensors, owners, &results)
        return results.compactMap { $0 }
    }

    private func gradients() throws -> (any CalibrationProvider, any GradientProvider) {
        let calibration = try context.requireCalibration(for: RefitPass.name)
        guard let gradients = calibration.gradients else {
            throw PassError(.unsupported, pass: RefitPass.name, "gradients of this model are not known; objective=weights needs none")
        }
        return (calibration, gradients)
    }

    private func refitter(_ fixed: ReplacedWeights) -> GradientRefit {
        GradientRefit(passes: pass.passes, batch: pass.batch, rate: pass.rate, seed: context.seed, fixed: fixed, execution: execution)
    }

    func refitLoss(_ report: inout PassReport) throws -> [(Payload, TensorReport)] {
        let (calibration, gradients) = try gradients()
        let refitter = refitter(stored(others))
        execution.progress.begin(RefitPass.name, total: refitter.work(sequences: calibration.sequenceCount), unit: "sequences")
        defer { execution.progress.end() }
        let state = try refitter.run(
            { try tensors.map(movable) }, try gradients.divergence(), sequences: calibration.sequenceCount, from: context.snapshot
        ) { state in try context.keepSnapshot { try state.snapshot(block: nil) } }
        report.curves.append(Curve(name: "divergence of each step", values: state.steps))
        report.curves.append(Curve(name: "held-back divergence after each pass", values: state.heldBack))
        let (before, after) = (state.heldBack[0], state.heldBack.min() ?? 0)
        report.measure("divergence.heldBack.before", before)
        report.measure("divergence.heldBack.after", after)
        report.measure("rate", state.rate)
        report.measure("forwardPasses", 1 + state.forwardPasses(calibration.sequenceCount))
        report.notes.append("held-back divergence from the original: \(rounded(before)) before, \(rounded(after)) after, nats a token")
        return try tensors.indices.map { index in try finish(tensors[index]) { try state.tensors[index].payload(state.best[index]) } }
    }

    /// Block by block, on what the blocks before, as they are stored, really produce.
    func refitBlocks(_ report: inout PassReport) throws -> [(Payload, TensorReport)] {
        let (calibration, gradients) = try gradients()
        let (structure, count) = (context.original.structure, calibration.sequenceCount)
        let positions = Dictionary(grouping: tensors.indices) { structure.block(of: tensors[$0].name) }
        execution.progress.begin(
            RefitPass.name, total: refitter([:]).work(sequences: count) * positions.keys.count { $0 != nil }, unit: "sequences")
        defer { execution.progress.end() }
        var results = [(Payload, TensorReport)?](repeating: nil, count: tensors.count)
        var (before, after) = ([Double](), [Double]())
        try gradients.forEachBlockError { block, objective in
            let members = positions[block] ?? []
            let fixed = others.filter { structure.block(of: $0.name) == block }
            guard !members.isEmpty else { return stored(fixed) }
            let errors = try refit(block, members, stored(fixed), objective, sequences: count) { results[$0] = $1 }
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
        _ block: Int, _ members: [Int], _ fixed: ReplacedWeights, _ objective: any RefitObjective, sequences count: Int,
        _ give: (Int, (Payload, TensorReport)) -> Void
    ) throws -> (before: Double, after: Double) {
        let refitter = refitter(fixed)
        let name = "block \(block)"
        var state: RefitState?
        if context.isRecorded(RefitPass.name, name), members.allSatisfy({ context.isFinished(tensors[$0]) }) {
            execution.progress.advance(by: refitter.work(sequences: count))
        } else {
            let snapshot = context.snapshot.flatMap { RefitState.isSnapshot($0, of: block) ? $0 : nil }
            state = try refitter.run({ try members.map { try movable(tensors[$0]) } }, objective, sequences: count, from: snapshot) {
                state in
                try context.keepSnapshot { try state.snapshot(block: block) }
            }
        }
        for (slot, index) in members.enumerated() {
            give(
                index,
                try finish(tensors[index]) {
                    guard let state else { preconditionFailure("'\(tensors[index].name)' is not finished") }
                    return try state.tensors[slot].payload(state.best[slot])
                })
        }
        let errors =
            try context.recording(RefitPass.name, name) {
                guard let state else { preconditionFailure("block \(block) is not finished") }
                var found = PassSnapshot()
                found.numbers["errors"] = [state.heldBack[0], state.heldBack.min() ?? 0]
                return found
            }.numbers["errors"] ?? []
        return (errors.first ?? 0, errors.last ?? 0)
    }
}
