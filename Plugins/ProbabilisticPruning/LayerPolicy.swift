import CLibrary
import Execution
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
            let direction = self.direction(step: step, seed: seed)
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

    /// A random direction: each layer's share is the sum of a draw of its block's, one of its kind's (such as all "up" projections)
    /// and one of its own, over √3. A few shared draws move together what is alike, so that their effect stands out.
    private func direction(step: Int, seed: UInt64) -> [Double] {
        let noise = CounterGenerator(seed: seed, stream: UInt64(step))
        let names = allocation.layers.map(\.name)
        let blocks = LayerPolicy.numbered(names.map { LayerPolicy.block(of: $0) })
        let kinds = LayerPolicy.numbered(names.map { LayerPolicy.kind(of: $0) })
        return names.indices.map { index in
            let draws = [
                noise.normal(UInt64(blocks[index])), noise.normal(UInt64(1 << 20 + kinds[index])), noise.normal(UInt64(1 << 21 + index)),
            ]
            return draws.reduce(0, +) / 3.0.squareRoot()
        }
    }

    /// The number in a layer's name, and the name without it.
    private static func block(of name: String) -> String {
        name.split(separator: ".").first { Int($0) != nil }.map(String.init) ?? ""
    }

    private static func kind(of name: String) -> String {
        name.split(separator: ".").filter { Int($0) == nil }.joined(separator: ".")
    }

    /// Equal words get equal numbers, in the order of their first appearance.
    private static func numbered(_ words: [String]) -> [Int] {
        var numbers: [String: Int] = [:]
        return words.map { word in
            let number = numbers[word] ?? numbers.count
            numbers[word] = number
            return number
        }
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
        let losses = try calibration.losses(sequences: sequences, replacing: allocation.weights(allocation.choices(logWeights: logWeights)))
        return losses.reduce(0, +) / Double(losses.count)
    }
}

extension SharedAllocation {
    /// The masked matrices of all layers. What is chosen tells them from others, as long as layers have the ranks that they have.
    func weights(_ choices: [LayerCandidate.Choice]) -> ReplacedWeights {
        let identity = choices.indices.map { "\(layers[$0].name) \(layers[$0].lowRank.rank) \(choices[$0].count)" }.joined(separator: "\n")
        return ReplacedWeights(layers.map(\.name), identity: identity) { [layers] in try layers[$0].matrix(choices[$0]) }
    }
}
