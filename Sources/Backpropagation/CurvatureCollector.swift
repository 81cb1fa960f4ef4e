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
    var sums: [String: CurvatureSum] = [:]

    public init(_ model: Transformer, seed: UInt64, _ execution: ExecutionContext) {
        self.model = model
        self.seed = seed
        self.execution = execution
    }

    /// Calls `body` once for each weight [out, in]: the head, unless it is the embedding too, the layers of the last block first, the embedding.
    ///
    /// - Parameters:
    ///   - homes: the ranks that are given what is found of a weight; nil for all. Others' `body` is given nil.
    ///   - reached: the block from which on all has been given, and the gradients with respect to what entered it, of each sequence.
    ///   - keep: told these after each block.
    ///   - body: is given the name, the mean of xₜxₜᵀ over the weight's inputs where each position weighs ‖gₜ‖², [in, in], and the mean of gₜᵣ²
    ///     over the gradients of its outputs, [out]. A weight that is embedding and head at once has both.
    public func forEach(
        _ tokens: [[Int32]], at homes: (String) -> [Int]? = { _ in nil }, from reached: (block: Int, gradients: [[Float]])? = nil,
        keep: ((_ block: Int, _ gradients: () -> [[Float]]) throws -> Void)? = nil,
        _ body: (_ name: String, _ found: (inputs: Matrix, rows: [Double])?) throws -> Void
    ) throws {
        let count = Double(max(tokens.reduce(0) { $0 + $1.count }, 1))
        let shares = TermShares(tokens, execution.ensemble)
        let embedding = try model.tensorName(.tokenEmbedding)
        func give(_ names: [String], adding other: CurvatureSum? = nil) throws {
            for name in names {
                guard let sum = sums.removeValue(forKey: name) else { continue }
                let found = try sum.total(at: homes(name), execution.ensemble, adding: name == embedding ? other : nil)
                try body(name, found.map { ($0.meanInputs, $0.rows.map { $0 / count }) })
            }
        }
        let first = shares.sequences(of: shares.own).lowerBound
        let own = Array(tokens[shares.sequences(of: shares.own)])
        let states = try HiddenStates(own, of: model, execution)
        let blocks = reached?.block ?? model.configuration.blockCount
        // A head that is the embedding too is given last.
        let isTied = try model.isCausal && embedding != nil && embedding == model.tensorName(.head)
        let inputs = try BlockInputs(
            moving: states, through: model, until: isTied ? model.configuration.blockCount : blocks, replacing: [:], execution)
        let waves = waves(tokens, shares)
        if isTied || reached == nil { try addEnd(states, waves, shares, first: first) }
        if let reached {
            for index in 0..<states.count { states[index] = reached.gradients[index] }
        } else {
            try give(sums.keys.filter { $0 != embedding }.sorted())
        }
        for index in (0..<blocks).reversed() {
            try execution.cancellation.check()
            try addBlock(index, gradients: states, inputs, shares, waves)
            // Weights that blocks share are given once all of these have been seen.
            guard model.configuration.sharedBlocks(index).lowerBound == index else { continue }
            try give(model.configuration.layers(inBlock: index).compactMap { model.name(of: $0, block: index) })
            try keep?(index) { (0..<states.count).map { states[$0] } }
        }
        var ofEmbedding = try embeddingSum(own, states, shares, waves)
        if let embedding, sums[embedding] == nil { (sums[embedding], ofEmbedding) = (ofEmbedding, nil) }
        try give(sums.keys.sorted(), adding: ofEmbedding)
    }

    typealias Wave = (terms: Range<Int>, sequences: Range<Int>)

    /// This rank's sequences, counted from its first, some terms at a time.
    func waves(_ tokens: [[Int32]], _ shares: TermShares) -> [Wave] {
        let first = shares.sequences(of: shares.own).lowerBound
        let wave = model.sideBySide(tokens: tokens.map(\.count).max() ?? 0, execution, forGradients: true).threads
        return shares.waves(wave).map { terms in
            let range = shares.sequences(of: terms)
            return (terms: terms, sequences: range.lowerBound - first..<range.upperBound - first)
        }
    }

    /// Adds the head, and turns final hidden states into the gradients that the way back begins with.
    private func addEnd(_ states: HiddenStates, _ waves: [Wave], _ shares: TermShares, first: Int) throws {
        if model.isCausal, let head = try model.tensorName(.head) {
            sums[head] = CurvatureSum(
                rows: model.configuration.vocabularySize, columns: model.configuration.hiddenSize, shares, execution)
        }
        try turnBack(states, waves, first: first)
    }

    /// Turns final hidden states into the gradients that the way back begins with; adds the head's statistics where there is a sum for them.
    func turnBack(_ states: HiddenStates, _ waves: [Wave], first: Int) throws {
        for wave in waves {
            let final = states[wave.sequences]
            let global = first + wave.sequences.lowerBound
            let gradients = try model.isCausal ? addHead(final, wave.terms, first: global) : embeddingGradients(final, first: global)
            states[wave.sequences] = Transformer.Activations(hidden: gradients, tokenCounts: final.tokenCounts)
        }
    }

    /// Adds a block's layers, and takes the gradients back to its input.
    private func addBlock(
        _ index: Int, gradients: HiddenStates, _ inputs: BlockInputs, _ shares: TermShares, _ waves: [Wave]
    ) throws {
        let entered = try inputs.states(of: index)
        let weights = try inputs.weights(of: index)
        let layers = model.configuration.layers(inBlock: index).compactMap { layer in
            model.name(of: layer, block: index).map { (layer: layer, name: $0) }
        }
        for (layer, name) in layers where sums[name] == nil {
            sums[name] = CurvatureSum(rows: weights[layer].outputSize, columns: weights[layer].inputSize, shares, execution)
        }
        for wave in waves {
            var part = gradients[wave.sequences]
            let states = try model.backwardStates(&part.hidden, through: weights, entered[wave.sequences], execution)
            gradients[wave.sequences] = part
            for (layer, name) in layers {
                try add(
                    name, wave.terms, weights[layer].outputSize, weights[layer].inputSize,
                    states.map { (inputs: $0.input(of: layer), gradients: $0.outputGradient(of: layer), tokens: $0.rowCount(of: layer)) })
            }
        }
    }

    private typealias Rows = (inputs: UnsafePointer<Float>, gradients: UnsafePointer<Float>, tokens: Int)

    /// Adds the inputs [tokens, in] and the gradients of the outputs [tokens, out] of a layer; positions keep their order.
    private func add(_ name: String, _ terms: Range<Int>, _ out: Int, _ width: Int, _ parts: [Rows]) throws {
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
        try sums[name]?.add(terms, weighed, execution)
    }

    typealias Statistics = CurvatureSum.Statistics

    /// An error in a token's row enters the first block wherever the token stands: the "inputs" of a row are the gradients there.
    private func embeddingSum(
        _ tokens: [[Int32]], _ states: HiddenStates, _ shares: TermShares, _ waves: [Wave]
    ) throws -> CurvatureSum? {
        // Where a norm comes first, gradients are those of what it puts out.
        guard try model.tensorName(.embeddingNorm) == nil, try model.tensorName(.tokenEmbedding) != nil else { return nil }
        let scale = model.configuration.embeddingScale * model.configuration.embeddingScale
        let (width, vocabulary) = (model.configuration.hiddenSize, model.configuration.vocabularySize)
        let sum = CurvatureSum(rows: vocabulary, columns: width, shares, execution)
        for wave in waves {
            let part = states[wave.sequences].hidden
            try sum.add(
                wave.terms,
                zip(tokens[wave.sequences], part).map { tokens, gradients in
                    var rows = [Double](repeating: 0, count: vocabulary)
                    var weight = 0.0
                    for (position, token) in tokens.enumerated() {
                        var square = 0.0
                        for j in position * width..<(position + 1) * width { square += Double(gradients[j]) * Double(gradients[j]) }
                        rows[Int(token)] += scale * square
                        weight += square
                    }
                    return (gradients, rows, weight)
                }, execution)
        }
        return sum
    }
}
