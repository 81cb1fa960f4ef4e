import Execution
import Inference

extension CalibrationModel {
    /// For each block the mean over all tokens of the cosine between the hidden state that enters it and the one that leaves it: near 1 where the block
    /// changes little. Tokens whose state is zero are left out. One forward pass.
    public func blockCosines() throws -> [Double] {
        let states = try HiddenStates(tokens.sequences, of: model, execution)
        return try (0..<model.configuration.blockCount).map { block in
            try execution.cancellation.check()
            let before = try states.copy(execution)
            try model.forward(states, through: block..<block + 1, execution)
            let sums = try states.waves(HiddenStates.usualWave).flatMap { range in
                let (entering, leaving, counts) = (before[range].hidden, states[range].hidden, states[range].tokenCounts)
                return try execution.parallelMap(range.count) {
                    CalibrationModel.cosines(entering[$0], leaving[$0], tokens: counts[$0])
                }
            }
            let count = sums.reduce(0) { $0 + $1.count }
            return count == 0 ? 1 : sums.reduce(0) { $0 + $1.sum } / Double(count)
        }
    }

    /// The cosines of rows, summed.
    private static func cosines(_ first: [Float], _ second: [Float], tokens: Int) -> (sum: Double, count: Int) {
        let width = tokens == 0 ? 0 : first.count / tokens
        return (0..<tokens).reduce(into: (sum: 0.0, count: 0)) { found, token in
            var (product, a, b) = (0.0, 0.0, 0.0)
            for index in token * width..<(token + 1) * width {
                let (x, y) = (Double(first[index]), Double(second[index]))
                product += x * y
                a += x * x
                b += y * y
            }
            if a > 0, b > 0 {
                found.sum += product / (a * b).squareRoot()
                found.count += 1
            }
        }
    }
}
