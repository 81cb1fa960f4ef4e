import PassKit

/// What an error in each output of a layer costs the model's predictions, in shares of what one of the layer's costs on average: the diagonal of
/// the Fisher information of the outputs (Martens and Grosse 2015, arXiv 1503.05671), on the calibration text.
///
/// With prices pᵢ an error E of a layer's weight costs Σ pᵢ Eᵢ H Eᵢᵀ over its rows i. What layers cost beside each other is not said here: that is measured
/// and learned.
struct OutputPrices {
    /// By tensor name, [out]; none for outputs that count alike.
    private let prices: [String: [Float]]

    /// Every output counts alike.
    static let none = OutputPrices(prices: [:])

    /// Added to every price: a text of some thousand tokens says little of what an output never costs.
    private static let least = 0.1

    private init(prices: [String: [Float]]) { self.prices = prices }

    /// What they take over the set: a pass forward, and one forward and back, which is as much again twice.
    static let forwardPasses = 4.0

    /// See `forwardPasses`.
    ///
    /// - Parameter names: the layers asked for.
    init(_ gradients: any GradientProvider, of names: Set<String>, _ context: PassContext) throws {
        let stage = "prices of outputs"
        let progress = context.execution.progress
        progress.begin(stage, total: names.count, unit: "layers")
        defer { progress.end() }
        let found = try context.recording(stage, "") {
            var found = PassSnapshot()
            try gradients.forEachCurvature(seed: context.seed) { name, curvature in
                guard names.contains(name) else { return }
                try found.set(name, Self.shares(curvature.rows))
                progress.advance(by: 1, remark: name)
            }
            return found
        }
        prices = try found.arrays.keys.reduce(into: [:]) { $0[$1] = try found.floats($1) }
    }

    /// Prices of which the mean is one, but for what is added; all alike where nothing costs anything.
    static func shares(_ prices: [Double]) -> [Float] {
        let mean = prices.reduce(0, +) / Double(max(prices.count, 1))
        return prices.map { Float(mean > 0 ? $0 / mean + least : 1) }
    }

    /// Those of a layer; nil where its outputs count alike.
    subscript(_ name: String) -> [Float]? { prices[name] }
}
