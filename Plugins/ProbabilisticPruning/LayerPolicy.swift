import Execution
import Glibc
import LinearAlgebra
import PassKit

/// Policy gradient over the log weights of `SharedAllocation`: few variables, shared by all units of a layer, so that a forward
/// pass says something about each.
///
/// The policy is Gaussian, α + σ·ε. Each step evaluates both signs of one ε on the same batch (antithetic samples, whose common loss
/// is the baseline) and moves α against (loss₊ − loss₋)·ε, scaled by the running size of that difference so that the rate
/// has no unit. Forward passes only: two of one batch a step.
struct LayerPolicy {
    let allocation: SharedAllocation
    var steps: Int
    var batch: Int
    var rate: Double
    var sigma: Double

    struct Outcome {
        let logWeights: [Double]
        /// Mean of the two losses of each step.
        let losses: [Double]
    }

    /// - Parameter sequences: the calibration sequences to learn from.
    func learn(
        from start: [Double], _ calibration: any CalibrationProvider, sequences: [Int], seed: UInt64, _ execution: ExecutionContext
    ) throws -> Outcome {
        var alpha = start
        var average = [Double](repeating: 0, count: start.count)
        var losses: [Double] = []
        var scale = 0.0
        execution.progress.begin("policy gradient", total: steps, unit: "steps")
        defer { execution.progress.end() }
        for step in 0..<steps {
            try execution.cancellation.check()
            let noise = CounterGenerator(seed: seed, stream: UInt64(step))
            let direction = alpha.indices.map { noise.normal(UInt64($0)) }
            let chosen = batchSequences(sequences, step: step, seed: seed)
            let plus = try loss(zip(alpha, direction).map { $0 + sigma * $1 }, calibration, chosen, execution)
            let minus = try loss(zip(alpha, direction).map { $0 - sigma * $1 }, calibration, chosen, execution)
            let difference = plus - minus
            scale = step == 0 ? abs(difference) : 0.9 * scale + 0.1 * abs(difference)
            // A falling rate lets the iterate settle; the mean of the last half is what is kept.
            let progress = Double(step) / Double(max(steps, 1))
            let move = rate * (1 - 0.8 * progress) * difference / max(scale, 1e-12)
            for index in alpha.indices { alpha[index] -= move * direction[index] }
            let mean = alpha.reduce(0, +) / Double(alpha.count)
            for index in alpha.indices { alpha[index] -= mean }
            let weight = 1 / Double(max(step - steps / 2, 0) + 1)
            for index in alpha.indices { average[index] += (alpha[index] - average[index]) * weight }
            losses.append((plus + minus) / 2)
            execution.progress.advance(by: 1, remark: "loss \(rounded((plus + minus) / 2))")
        }
        return Outcome(logWeights: steps > 0 ? average : start, losses: losses)
    }

    /// Batches walk through a permutation of the sequences, a new one for each pass.
    private func batchSequences(_ sequences: [Int], step: Int, seed: UInt64) -> [Int] {
        let size = min(batch, sequences.count)
        let perPass = max(sequences.count / size, 1)
        let order = CounterGenerator(seed: seed, stream: UInt64(1_000_000 + step / perPass)).permutation(of: sequences.count)
        return (0..<size).map { sequences[order[(step % perPass) * size + $0]] }
    }

    private func loss(
        _ logWeights: [Double], _ calibration: any CalibrationProvider, _ sequences: [Int], _ execution: ExecutionContext
    ) throws -> Double {
        let counts = allocation.counts(logWeights: logWeights)
        let losses = try calibration.losses(sequences: sequences, replacing: try allocation.weights(counts, execution))
        return losses.reduce(0, +) / Double(losses.count)
    }
}

extension SharedAllocation {
    /// The masked matrices of all layers.
    func weights(_ counts: [Int], _ execution: ExecutionContext) throws -> [String: Matrix] {
        let matrices = try execution.parallelMap(layers.count) { index in
            layers[index].matrix(threshold: layers[index].threshold(keeping: counts[index]))
        }
        return Dictionary(uniqueKeysWithValues: zip(layers.map(\.name), matrices))
    }
}
