/// What an error in each output costs the model's predictions: the diagonal of the Fisher information (Martens and Grosse 2015, arXiv 1503.05671)
/// of what linear layers and blocks put out, the mean over positions of the squared gradient of the loss of next tokens drawn from the
/// predictions. Of an encoder it is that of the squared distance of sentence embeddings, scaled to length one.
///
/// An error δ at one position costs ½ Σ fᵣδᵣ² nats, to second order and as if outputs and positions had nothing to do with each other.
public struct OutputCurvature {
    /// Of linear layers' outputs, [out] by tensor name.
    public var layers: [String: [Double]]
    /// Of what leaves each block, [hidden].
    public var blocks: [[Double]]

    public init(layers: [String: [Double]], blocks: [[Double]]) { (self.layers, self.blocks) = (layers, blocks) }

    /// Adds what is known of a block; the last comes first.
    ///
    /// - Parameter layers: of weights that blocks share it is the sum.
    public mutating func add(_ block: Int, _ layers: [String: [Double]], _ output: [Double]) {
        if blocks.count <= block { blocks += [[Double]](repeating: [], count: block + 1 - blocks.count) }
        blocks[block] = output
        self.layers.merge(layers) { sum, more in zip(sum, more).map { $0 + $1 } }
    }

    /// Added to every price, as a share of their mean: a text of some thousand tokens says little of what an output never costs.
    private static let least = 0.1

    /// Prices of which the mean is one, but for what is added; all alike where nothing costs anything.
    public static func shares(_ prices: [Double]) -> [Float] {
        let mean = prices.reduce(0, +) / Double(max(prices.count, 1))
        return prices.map { Float(mean > 0 ? $0 / mean + least : 1) }
    }

    /// Prices of what blocks put out, for `GradientProvider.forEachBlockError`: the same, in nats for the square of an error.
    public var blockPrices: [[Float]] {
        blocks.map { prices in
            let mean = prices.reduce(0, +) / Double(max(prices.count, 1))
            return prices.map { Float($0 + Self.least * mean) }
        }
    }

    /// What they take over the sequences that they are taken on: a pass forward, and one forward and back to activations alone.
    public static let forwardPasses = 3.0

    /// One of so many sequences serves where a pass is not to take much longer for them.
    public static let spacing = 4

    /// Evenly spaced sequences of a set, the first of every `spacing`.
    public static func sequences(of count: Int) -> [Int] { Array(stride(from: 0, to: count, by: spacing)) }
}
