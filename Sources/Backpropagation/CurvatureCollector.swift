import Execution
import Inference
import LinearAlgebra

/// Gathers the curvature (the Fisher information with K-FAC's factors, Martens and Grosse 2015, arXiv 1503.05671) of a model's linear layers, token embedding and output head over token sequences, some at a time.
///
/// Gradients of a decoder are those of the loss of next tokens drawn from its own predictions: their second moments are the Fisher
/// information. Those of an encoder are of its embedding, scaled to length one, along a direction drawn at random: second moments are
/// the curvature of the squared distance, twice one less the cosine. A sequence costs a forward pass, and one forward and back, which is
/// as much again twice; the sums take in² floats a layer.
public final class CurvatureCollector {
    let model: Transformer
    let seed: UInt64
    let execution: ExecutionContext
    private var sums: [String: CurvatureSum] = [:]
    private var positions = 0
    /// Sequences so far: which draws come next.
    private(set) var sequences = 0

    public init(_ model: Transformer, seed: UInt64, _ execution: ExecutionContext) {
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
        var gradients = model.isCausal ? try addHead(activations) : try embeddingGradients(activations)
        for index in (0..<model.configuration.blockCount).reversed() {
            try execution.cancellation.check()
            let weights = try model.block(index)
            let states = try model.backwardStates(&gradients, through: weights, inputs[index], execution)
            for layer in BlockLayer.allCases {
                guard let name = model.name(of: layer, block: index) else { continue }
                try add(
                    name, weights[layer].outputSize, weights[layer].inputSize,
                    states.map {
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
        let weighed = try execution.uncheckedParallelMap(parts.count) { index -> Statistics in
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

    /// What some positions add to a weight: inputs multiplied by the roots of their positions' weights, Σ gₜᵣ², Σ ‖gₜ‖².
    typealias Statistics = (inputs: [Float], rows: [Double], weight: Double)

    func add(_ name: String, _ out: Int, _ width: Int, _ parts: [Statistics]) throws {
        var sum = sums.removeValue(forKey: name) ?? CurvatureSum(rows: out, columns: width)
        let tile = 128
        for part in parts {
            sum.weight += part.weight
            for r in 0..<out { sum.rows[r] += part.rows[r] }
        }
        try sum.inputs.elements.withUnsafeMutableBufferPointer { buffer in
            let base = buffer.baseAddress!
            try execution.uncheckedParallelFor((width + tile - 1) / tile) { slot in
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

    /// An error in a token's row enters the first block wherever the token stands: the "inputs" of a row are the gradients there.
    private func addEmbedding(_ tokens: [[Int32]], _ gradients: [[Float]]) throws {
        // Where a norm comes first, gradients are those of what it puts out.
        guard try model.tensorName(.embeddingNorm) == nil, let name = try model.tensorName(.tokenEmbedding) else { return }
        let scale = model.configuration.design.scalesEmbeddings ? Double(model.configuration.hiddenSize) : 1
        let (width, vocabulary) = (model.configuration.hiddenSize, model.configuration.vocabularySize)
        try add(
            name, vocabulary, width,
            zip(tokens, gradients).map { tokens, gradients in
                var rows = [Double](repeating: 0, count: vocabulary)
                var weight = 0.0
                for (position, token) in tokens.enumerated() {
                    var square = 0.0
                    for j in position * width..<(position + 1) * width { square += Double(gradients[j]) * Double(gradients[j]) }
                    rows[Int(token)] += scale * square
                    weight += square
                }
                return (gradients, rows, weight)
            })
    }
}
