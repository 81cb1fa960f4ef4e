import CKernels
import Execution
import LinearAlgebra

/// Gathers the curvature (the Fisher information with K-FAC's factors, Martens and Grosse 2015, arXiv 1503.05671) of a model's linear layers, token embedding and output head over token sequences, some at a time.
///
/// Gradients are those of the loss of next tokens drawn from the model's own predictions: their second moments are the Fisher
/// information. A sequence costs a forward pass, and one forward and back, which is as much again twice; the sums take in² floats a layer.
public final class CurvatureCollector {
    private let model: Transformer
    private let seed: UInt64
    private let execution: ExecutionContext
    private var sums: [String: CurvatureSum] = [:]
    private var positions = 0
    private var sequences = 0

    /// - Precondition: the model predicts tokens.
    public init(_ model: Transformer, seed: UInt64, _ execution: ExecutionContext) {
        precondition(model.isCausal, "an encoder predicts nothing")
        self.model = model
        self.seed = seed
        self.execution = execution
    }

    /// Of each weight [out, in] by tensor name: `inputs`, the mean of xₜxₜᵀ over its inputs where each position weighs ‖gₜ‖², [in, in],
    /// and `rows`, the mean of gₜᵣ² over the gradients of its outputs, [out]. A weight that is embedding and head at once has both.
    public var curvatures: [String: (inputs: Matrix, rows: [Double])] {
        let count = Double(max(positions, 1))
        return sums.mapValues { ($0.meanInputs, $0.rows.map { $0 / count }) }
    }

    /// Adds some sequences; block inputs of all of them are in memory at a time.
    public func add(_ tokens: [[Int32]]) throws {
        var activations = try model.embed(tokens)
        var inputs: [Transformer.Activations] = []
        for index in 0..<model.configuration.blockCount {
            try execution.cancellation.check()
            inputs.append(activations)
            try model.forward(&activations, through: try model.block(index), execution)
        }
        var gradients = try addHead(activations)
        for index in (0..<model.configuration.blockCount).reversed() {
            try execution.cancellation.check()
            let weights = try model.block(index)
            let states = try model.backwardStates(&gradients, through: weights, inputs[index], execution)
            for layer in BlockLayer.allCases {
                guard let name = model.name(of: layer, block: index) else { continue }
                try add(name, weights[layer].outputSize, weights[layer].inputSize, states.map {
                    (inputs: $0.input(of: layer), gradients: $0.outputGradient(of: layer), tokens: $0.tokens)
                })
            }
        }
        try addEmbedding(tokens, gradients)
        positions += tokens.reduce(0) { $0 + $1.count }
        sequences += tokens.count
    }

    private typealias Rows = (inputs: UnsafePointer<Float>, gradients: UnsafePointer<Float>, tokens: Int)

    /// Adds the inputs [tokens, in] and the gradients of the outputs [tokens, out] of a layer; positions keep their order.
    private func add(_ name: String, _ out: Int, _ width: Int, _ parts: [Rows]) throws {
        let weighed = try execution.parallelMap(parts.count) { index -> (inputs: [Float], rows: [Double], weight: Double) in
            let part = parts[index]
            var rows = [Double](repeating: 0, count: out)
            var inputs = Array(UnsafeBufferPointer(start: part.inputs, count: part.tokens * width))
            var weight = 0.0
            for t in 0..<part.tokens {
                let gradient = part.gradients + t * out
                var square = 0.0
                for r in 0..<out {
                    let value = Double(gradient[r])
                    rows[r] += value * value
                    square += value * value
                }
                weight += square
                let root = Float(square.squareRoot())
                for j in t * width..<(t + 1) * width { inputs[j] *= root }
            }
            return (inputs, rows, weight)
        }
        try add(name, out, width, weighed)
    }

    /// Adds inputs that are multiplied by the roots of their positions' weights already.
    private func add(_ name: String, _ out: Int, _ width: Int, _ parts: [(inputs: [Float], rows: [Double], weight: Double)]) throws {
        var sum = sums.removeValue(forKey: name) ?? CurvatureSum(rows: out, columns: width)
        let tile = 128
        for part in parts {
            sum.weight += part.weight
            for r in 0..<out { sum.rows[r] += part.rows[r] }
        }
        try sum.inputs.elements.withUnsafeMutableBufferPointer { buffer in
            let base = buffer.baseAddress!
            try execution.parallelFor((width + tile - 1) / tile) { slot in
                let first = slot * tile
                for part in parts where !part.inputs.isEmpty {
                    part.inputs.withUnsafeBufferPointer { x in
                        multiply(
                            m: min(tile, width - first), n: width, k: x.count / width, x.baseAddress! + first, .transposed, lda: width,
                            x.baseAddress!, .plain, ldb: width, beta: 1, into: base + first * width, ldc: width)
                    }
                }
            }
        }
        sums[name] = sum
    }

    /// Draws next tokens, adds the head's statistics, whose gradients need no draw: E gᵣ² = pᵣ(1 − pᵣ), and gives the gradients with
    /// respect to the final hidden states.
    private func addHead(_ final: Transformer.Activations) throws -> [[Float]] {
        let head = try model.head()
        let c = model.configuration
        let (width, vocabulary) = (c.hiddenSize, c.vocabularySize)
        let (model, seed, first) = (model, seed, sequences)
        let chunk = max(1, min(256, (1 << 22) / vocabulary))
        let made = try execution.parallelMap(final.hidden.count) { index in
            let hidden = final.hidden[index]
            let tokens = final.tokenCounts[index]
            let generator = CounterGenerator(seed: seed, stream: UInt64(first + index))
            var gradient = [Float](repeating: 0, count: hidden.count)
            var statistics = (inputs: hidden, rows: [Double](repeating: 0, count: vocabulary), weight: 0.0)
            if let norm = model.finalNorm { norm.apply(hidden, into: &statistics.inputs, tokens: tokens) }
            var normalised = [Float](repeating: 0, count: chunk * width)
            for start in stride(from: 0, to: tokens, by: chunk) {
                let range = start * width..<min(start + chunk, tokens) * width
                let count = range.count / width
                let part = Array(hidden[range])
                var logits = model.logits(part, tokens: count, head: head)
                logits.withUnsafeMutableBufferPointer { logits in
                    for row in 0..<count {
                        let values = UnsafeMutableBufferPointer(rebasing: logits[row * vocabulary..<(row + 1) * vocabulary])
                        let position = start + row
                        let weight = statistics.rows.withUnsafeMutableBufferPointer {
                            Self.drawnGradient(values, draw: generator.uniform(UInt64(position)), rows: $0)
                        }
                        statistics.weight += weight
                        for j in position * width..<(position + 1) * width { statistics.inputs[j] *= Float(weight.squareRoot()) }
                    }
                    head.applyTransposed(to: logits.baseAddress!, tokens: count, into: &normalised)
                }
                gradient.withUnsafeMutableBufferPointer { gradient in
                    let target = gradient.baseAddress! + range.lowerBound
                    guard let norm = model.finalNorm else { return target.update(from: normalised, count: range.count) }
                    norm.backward(part, outputGradient: normalised, addingTo: target, tokens: count)
                }
            }
            return (gradient: gradient, statistics: statistics)
        }
        if let name = try model.tensorName(.head) { try add(name, vocabulary, width, made.map(\.statistics)) }
        return made.map(\.gradient)
    }

    /// Turns one position's logits into softmax − onehot(token drawn), and adds p(1 − p) to `rows`.
    ///
    /// - Returns: 1 − Σp².
    private static func drawnGradient(
        _ logits: UnsafeMutableBufferPointer<Float>, draw: Float, rows: UnsafeMutableBufferPointer<Double>
    ) -> Double {
        caplet_softmax_row(logits.baseAddress!, 1, logits.count, logits.count)
        var (squares, passed, drawn) = (0.0, 0.0, logits.count - 1)
        var isDrawn = false
        for token in logits.indices {
            let p = Double(logits[token])
            rows[token] += p * (1 - p)
            squares += p * p
            passed += p
            if !isDrawn, passed > Double(draw) { (drawn, isDrawn) = (token, true) }
        }
        logits[drawn] -= 1
        return 1 - squares
    }

    /// An error in a token's row enters the first block wherever the token stands: the "inputs" of a row are the gradients there.
    private func addEmbedding(_ tokens: [[Int32]], _ gradients: [[Float]]) throws {
        guard let name = try model.tensorName(.tokenEmbedding) else { return }
        let (width, vocabulary) = (model.configuration.hiddenSize, model.configuration.vocabularySize)
        try add(
            name, vocabulary, width,
            zip(tokens, gradients).map { tokens, gradients in
                var rows = [Double](repeating: 0, count: vocabulary)
                var weight = 0.0
                for (position, token) in tokens.enumerated() {
                    var square = 0.0
                    for j in position * width..<(position + 1) * width { square += Double(gradients[j]) * Double(gradients[j]) }
                    rows[Int(token)] += square
                    weight += square
                }
                return (gradients, rows, weight)
            })
    }
}
