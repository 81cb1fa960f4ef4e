import CKernels
import Inference
import LinearAlgebra

/// Where the gradients of the backward pass begin.
extension CurvatureCollector {
    /// Draws next tokens, adds the head's statistics, whose gradients need no draw: E gᵣ² = pᵣ(1 − pᵣ), and gives the gradients with
    /// respect to the final hidden states.
    func addHead(_ final: Transformer.Activations, _ terms: Range<Int>, first: Int) throws -> [[Float]] {
        let head = try model.head(execution)
        let (width, vocabulary) = (model.configuration.hiddenSize, model.configuration.vocabularySize)
        let seed = seed
        let chunk = max(1, min(256, (1 << 22) / vocabulary))
        let made = try execution.uncheckedParallelMap(final.hidden.count) { index -> (gradient: [Float], statistics: Statistics) in
            let (hidden, tokens) = (final.hidden[index], final.tokenCounts[index])
            let generator = CounterGenerator(seed: seed, stream: UInt64(first + index))
            var gradient = [Float](repeating: 0, count: hidden.count)
            var statistics = (
                inputs: head.normalised(hidden, tokens: tokens), rows: [Double](repeating: 0, count: vocabulary), weight: 0.0
            )
            for start in stride(from: 0, to: tokens, by: chunk) {
                let range = start * width..<min(start + chunk, tokens) * width
                let count = range.count / width
                let part = Array(hidden[range])
                let logits = head.logits(part, tokens: count)
                var logitGradient = logits
                logitGradient.withUnsafeMutableBufferPointer { values in
                    for position in start..<start + count {
                        let row = position - start
                        let weight = statistics.rows.withUnsafeMutableBufferPointer {
                            Self.drawnGradient(
                                UnsafeMutableBufferPointer(rebasing: values[row * vocabulary..<(row + 1) * vocabulary]),
                                draw: generator.uniform(UInt64(position)), rows: $0)
                        }
                        statistics.weight += weight
                        for j in position * width..<(position + 1) * width { statistics.inputs[j] *= Float(weight.squareRoot()) }
                    }
                }
                gradient.withUnsafeMutableBufferPointer { gradient in
                    head.backward(
                        part, tokens: count, logits: logits, gradient: &logitGradient,
                        addingTo: gradient.baseAddress! + range.lowerBound)
                }
            }
            return (gradient, statistics)
        }
        if let name = try model.tensorName(.head) { try sums[name]?.add(terms, made.map(\.statistics), execution) }
        return made.map(\.gradient)
    }

    /// Turns one position's logits into softmax − onehot(token drawn), and adds p(1 − p) to `rows`.
    ///
    /// - Returns: 1 − Σp².
    private static func drawnGradient(
        _ logits: UnsafeMutableBufferPointer<Float>, draw: Float, rows: UnsafeMutableBufferPointer<Double>
    ) -> Double {
        guard let base = logits.baseAddress else { return 0 }
        caplet_softmax_row(base, 1, logits.count, logits.count)
        var (squares, passed, drawn) = (0.0, 0.0, logits.count - 1)
        var isDrawn = false
        for token in logits.indices {
            let p = Double(logits[token])
            rows[token] += max(p * (1 - p), 0)
            squares += p * p
            passed += p
            if !isDrawn, passed > Double(draw) { (drawn, isDrawn) = (token, true) }
        }
        logits[drawn] -= 1
        // Of a prediction that is all but sure the squares may sum to more than 1, by rounding.
        return max(1 - squares, 0)
    }

    /// The gradients of zᵀê for ê the mean of an encoder's final hidden states, scaled to length one, and z a standard normal draw: each
    /// position has (z − (zᵀê)ê) / (‖e‖ T).
    func embeddingGradients(_ final: Transformer.Activations, first: Int) throws -> [[Float]] {
        let width = model.configuration.hiddenSize
        return final.hidden.enumerated().map { index, hidden in
            let tokens = max(final.tokenCounts[index], 1)
            var mean = [Double](repeating: 0, count: width)
            for (place, value) in hidden.enumerated() { mean[place % width] += Double(value) / Double(tokens) }
            let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard length > 0 else { return [Float](repeating: 0, count: hidden.count) }
            let generator = CounterGenerator(seed: seed, stream: UInt64(first + index))
            let direction = (0..<width).map { generator.normal(UInt64($0)) }
            let along = zip(direction, mean).reduce(0) { $0 + $1.0 * $1.1 } / length
            let one = (0..<width).map { Float((direction[$0] - along * mean[$0] / length) / length / Double(tokens)) }
            return (0..<final.tokenCounts[index]).flatMap { _ in one }
        }
    }
}
