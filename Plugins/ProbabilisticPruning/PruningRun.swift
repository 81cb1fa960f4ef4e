import LinearAlgebra
import ModelGraph
import PassKit

/// One run of the pass: what all modes share.
struct PruningRun {
    let pass: ProbabilisticPruningPass
    let tensors: [Tensor]
    /// The original weights [m, n].
    let weights: [Matrix]
    /// Parameters that may be kept.
    let budget: Int
    let calibration: any CalibrationProvider
    let context: PassContext

    var allSequences: [Int] { Array(0..<calibration.sequenceCount) }

    func loss(_ weights: [String: Matrix], _ sequences: [Int]? = nil) throws -> Double {
        let losses = try calibration.losses(sequences: sequences ?? allSequences, replacing: weights)
        return losses.reduce(0, +) / Double(losses.count)
    }

    /// Each matrix with its largest entries at the same density: the baseline, measured in the same report.
    func magnitudeLoss() throws -> Double {
        let matrices = try context.execution.parallelMap(weights.count) { index in
            let magnitudes = [weights[index].elements.map { abs($0) }]
            let kept = Int(pass.keep * Double(magnitudes[0].count))
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
    func forEachSecondMoment(_ body: (_ index: Int, _ h: Matrix) throws -> Void) throws {
        var positions: [String: Int] = [:]
        for (index, tensor) in tensors.enumerated() { positions[tensor.name] = index }
        var visited = 0
        var block = 0
        var waiting: [(index: Int, h: Matrix)] = []
        func work() throws {
            let ordered = waiting.sorted { ($1.h.rows, $0.index) < ($0.h.rows, $1.index) }
            try context.execution.parallelFor(ordered.count) { try body(ordered[$0].index, ordered[$0].h) }
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
            throw PassError(
                .unsupported, pass: ProbabilisticPruningPass.name,
                "only linear layers inside blocks have inputs to calibrate on; mode=published takes the others too")
        }
    }
}
