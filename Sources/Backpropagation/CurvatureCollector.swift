import Execution
import Inference
import LinearAlgebra

/// Gathers the curvature (the Fisher information with K-FAC's factors, Martens and Grosse 2015, arXiv 1503.05671) of a model's linear layers,
/// token embedding and output head over token sequences, block by block, so that no more than a block's is in memory at a time.
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

    public init(_ model: Transformer, seed: UInt64, _ execution: ExecutionContext) {
        self.model = model
        self.seed = seed
        self.execution = execution
    }

    /// Calls `body` once for each weight [out, in]: the head, unless it is the embedding too, the layers of the last block first, the embedding.
    ///
    /// - Parameter body: is given the name, the mean of xₜxₜᵀ over the weight's inputs where each position weighs ‖gₜ‖², [in, in], and the mean
    ///   of gₜᵣ² over the gradients of its outputs, [out]. A weight that is embedding and head at once has both.
    public func forEach(_ tokens: [[Int32]], _ body: (_ name: String, _ inputs: Matrix, _ rows: [Double]) throws -> Void) throws {
        let count = Double(max(tokens.reduce(0) { $0 + $1.count }, 1))
        func give(_ names: [String]) throws {
            for name in names {
                guard let sum = sums.removeValue(forKey: name) else { continue }
                try body(name, sum.meanInputs, sum.rows.map { $0 / count })
            }
        }
        let embedding = try model.tensorName(.tokenEmbedding)
        let states = try HiddenStates(tokens, of: model, execution)
        let inputs = try BlockInputs(moving: states, through: model, replacing: [:], execution)
        let wave = model.sideBySide(tokens: tokens.map(\.count).max() ?? 0, execution, forGradients: true).threads
        let waves = states.waves(wave)
        for range in waves {
            let final = states[range]
            let gradients =
                try model.isCausal ? addHead(final, first: range.lowerBound) : embeddingGradients(final, first: range.lowerBound)
            states[range] = Transformer.Activations(hidden: gradients, tokenCounts: final.tokenCounts)
        }
        try give(sums.keys.filter { $0 != embedding })
        for index in (0..<model.configuration.blockCount).reversed() {
            try execution.cancellation.check()
            try addBlock(index, gradients: states, inputs, waves)
            // Weights that blocks share are given once all of these have been seen.
            guard model.configuration.sharedBlocks(index).lowerBound == index else { continue }
            try give(model.configuration.layers(inBlock: index).compactMap { model.name(of: $0, block: index) })
        }
        for range in waves { try addEmbedding(Array(tokens[range]), states[range].hidden) }
        try give(sums.keys.sorted())
    }

    /// Adds a block's layers, and takes the gradients back to its input.
    private func addBlock(_ index: Int, gradients: HiddenStates, _ inputs: BlockInputs, _ waves: [Range<Int>]) throws {
        let entered = try inputs.states(of: index)
        let weights = try inputs.weights(of: index)
        for range in waves {
            var part = gradients[range]
            let states = try model.backwardStates(&part.hidden, through: weights, entered[range], execution)
            gradients[range] = part
            for layer in model.configuration.layers(inBlock: index) {
                guard let name = model.name(of: layer, block: index) else { continue }
                try add(
                    name, weights[layer].outputSize, weights[layer].inputSize,
                    states.map { (inputs: $0.input(of: layer), gradients: $0.outputGradient(of: layer), tokens: $0.rowCount(of: layer)) })
            }
        }
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
        let scale = model.configuration.embeddingScale * model.configuration.embeddingScale
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
