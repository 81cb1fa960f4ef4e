import LinearAlgebra
import ModelGraph
import PassKit

extension CalibratedLayers {
    /// Replaces every layer in `graph` block by block, each block against the inputs that the blocks before it, as they are stored, really
    /// produce; else as `replace(in:keep:)` does.
    ///
    /// - Parameters:
    ///   - prepare: makes of the second moment of an input what the layers that share it have in common.
    ///   - compress: called from several threads, for the layers that share an input.
    /// - Throws: `PassError` for inputs that are not finite or were not visited, or when more was kept than the budget; `GraphError.notFinite`.
    public func replaceInTurn<Inputs>(
        in graph: inout TensorGraph, keep: Double, preparing prepare: (_ secondMoment: Matrix) throws -> Inputs,
        _ compress: (CalibratedLayer, Inputs) throws -> Payload
    ) throws -> PassReport {
        let calibration = try context.requireCalibration(for: pass)
        let positions = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
        var results = [(Payload, TensorReport)?](repeating: nil, count: tensors.count)
        context.execution.progress.begin(pass, total: tensors.count, unit: "layers")
        defer { context.execution.progress.end() }
        try calibration.forEachBlock { inputs in
            func members(_ group: InputGroup) -> [Int] { group.members.compactMap { positions[$0] } }
            let replaced = inputs.flatMap { members($0.group) }
            // Of ranks each works on some of a block's layers.
            var owners = [Int?](repeating: nil, count: tensors.count)
            let some = context.owners(replaced.map { tensors[$0] }, isKnown: context.isFinished) { $0.solveCost }
            for (index, owner) in zip(replaced, some) { owners[index] = owner }
            for input in inputs {
                let own = members(input.group).filter { owners[$0].map { $0 == context.ensemble.rank } ?? true }
                try replaceMembers(own, input.secondMoment, prepare, compress).enumerated().forEach { results[own[$0]] = $1 }
            }
            try context.exchange(tensors, owners, &results)
            let payloads = replaced.compactMap { results[$0]?.0 }
            return ReplacedWeights(replaced.map { tensors[$0].name }) { try payloads[$0].densifiedMatrix(context.execution) }
        }
        if let missed = results.firstIndex(where: { $0 == nil }) { throw Self.inputsUnknown(tensors[missed], pass) }
        var report = try store(results.compactMap { $0 }, in: &graph)
        try checkBudget(keep, &report)
        return report
    }

    /// What becomes of the layers that share an input; what an interrupted run had made of them is not made again.
    private func replaceMembers<Inputs>(
        _ members: [Int], _ h: Matrix, _ prepare: (Matrix) throws -> Inputs, _ compress: (CalibratedLayer, Inputs) throws -> Payload
    ) throws -> [(Payload, TensorReport)] {
        guard !members.isEmpty else { return [] }
        guard h.isFinite else { throw PassError(.unsupported, pass: pass, "the inputs of '\(tensors[members[0]].name)' are not finite") }
        let isKnown = members.allSatisfy { context.isFinished(tensors[$0]) }
        let prepared = isKnown ? nil : try prepare(h)
        let (outer, threads) = sideBySide(members)
        return try outer.uncheckedParallelMap(members.count) { slot in
            let tensor = tensors[members[slot]]
            let result = try context.finishing(tensor, isShared: true) {
                guard let prepared else { preconditionFailure("'\(tensor.name)' is not finished") }
                let layer = try layer(members[slot], .secondMoment(h), threads: threads)
                let payload = try compress(layer, prepared)
                let figures = try layer.measurements(of: payload)
                return (payload, try TensorReport(comparing: tensor, with: payload, figures, layer.execution))
            }
            context.execution.advanceShared(remark: tensor.name)
            return result
        }
    }
}
