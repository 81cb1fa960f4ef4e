import ModelGraph

/// Which neurons of the sparse parts stay: those of the largest smoothed sensitivity of all layers together (LoSparse, arXiv 2306.11222, section 3.2).
///
/// The sensitivity of an entry is |S_ij · ∂L/∂S_ij|, that of a neuron the mean over its entries, smoothed over steps: Γ ← β·Γ + (1 − β)·I. A neuron is
/// what a column of the paper's W [inputs, outputs] is: a row of ours [out, in]; or with `areInputs` a column.
struct NeuronScores {
    /// Of a layer, [m, n].
    struct Layer {
        let rows: Int
        let columns: Int
        let areInputs: Bool

        var neuronCount: Int { areInputs ? columns : rows }
        /// Entries of a neuron.
        var neuronSize: Int { areInputs ? rows : columns }

        /// The neuron of an entry, in row-major order.
        func neuron(_ entry: Int) -> Int { areInputs ? entry % columns : entry / columns }
    }

    let layers: [Layer]
    /// β.
    let smoothing: Double
    /// Γ of each layer's neurons.
    private(set) var scores: [[Double]]

    init(_ layers: [Layer], smoothing: Double) {
        (self.layers, self.smoothing) = (layers, smoothing)
        scores = layers.map { [Double](repeating: 0, count: $0.neuronCount) }
    }

    /// Γ in place of what it is.
    mutating func set(_ scores: [[Double]]) { self.scores = scores }

    /// Takes in a step of a layer.
    ///
    /// - Parameters:
    ///   - values: S.
    ///   - gradient: of the loss, with respect to S.
    mutating func add(_ index: Int, values: UnsafeBufferPointer<Float>, gradient: [Float]) {
        let layer = layers[index]
        var sums = [Double](repeating: 0, count: layer.neuronCount)
        for entry in gradient.indices { sums[layer.neuron(entry)] += abs(Double(values[entry]) * Double(gradient[entry])) }
        for neuron in sums.indices {
            let found = sums[neuron] / Double(max(layer.neuronSize, 1))
            scores[index][neuron] = smoothing * scores[index][neuron] + (1 - smoothing) * found
        }
    }

    /// Of each layer whether its neurons stay: the largest Γ first, as long as their entries fit; of equal ones the first.
    func kept(entries: Int) -> [[Bool]] {
        var kept = layers.map { [Bool](repeating: false, count: $0.neuronCount) }
        let all = layers.indices.flatMap { layer in scores[layer].indices.map { (layer: layer, neuron: $0) } }
        let order = all.indices.sorted {
            (scores[all[$0].layer][all[$0].neuron], $1) > (scores[all[$1].layer][all[$1].neuron], $0)
        }
        var left = entries
        for place in order {
            let (layer, neuron) = all[place]
            guard layers[layer].neuronSize <= left else { continue }
            left -= layers[layer].neuronSize
            kept[layer][neuron] = true
        }
        return kept
    }
}
