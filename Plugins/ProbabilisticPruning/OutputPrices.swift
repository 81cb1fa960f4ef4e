import PassKit

/// What an error in each output of a layer costs the model's predictions, in shares of what one of the layer's costs on average, and in nats what
/// one in each component of what a block puts out costs: `OutputCurvature`.
///
/// With prices pᵢ an error E of a layer's weight costs Σ pᵢ Eᵢ H Eᵢᵀ over its rows i. What layers cost beside each other is not said here: that is measured
/// and learned.
struct OutputPrices {
    /// By tensor name, [out]; none for outputs that count alike.
    private let prices: [String: [Float]]
    /// [hidden] by block; nil where components count alike.
    let blocks: [[Float]]?

    /// Every output counts alike.
    static let none = OutputPrices(prices: [:], blocks: nil)

    private init(prices: [String: [Float]], blocks: [[Float]]?) { (self.prices, self.blocks) = (prices, blocks) }

    /// - Parameters:
    ///   - sequences: those that they are taken on.
    ///   - names: the layers asked for.
    init(_ gradients: any GradientProvider, sequences: [Int], of names: Set<String>, _ context: PassContext) throws {
        let stage = "prices of outputs"
        // The provider counts them as it goes back.
        context.execution.progress.begin(stage, total: context.original.structure.blockCount, unit: "blocks")
        defer { context.execution.progress.end() }
        let found = try context.recording(stage, "") {
            var found = PassSnapshot()
            let curvature = try gradients.outputCurvature(seed: context.seed, sequences: sequences)
            for (name, squares) in curvature.layers where names.contains(name) { try found.set(name, OutputCurvature.shares(squares)) }
            for (block, prices) in curvature.blockPrices.enumerated() { try found.set(Self.place(block), prices) }
            return found
        }
        prices = try names.reduce(into: [:]) { $0[$1] = try found.floats($1) }
        var blocks: [[Float]] = []
        while let next = try found.floats(Self.place(blocks.count)) { blocks.append(next) }
        self.blocks = blocks
    }

    /// What the prices of a block's outputs are kept by: no tensor has such a name.
    private static func place(_ block: Int) -> String { "block \(block)" }

    /// Those of a layer; nil where its outputs count alike.
    subscript(_ name: String) -> [Float]? { prices[name] }
}
