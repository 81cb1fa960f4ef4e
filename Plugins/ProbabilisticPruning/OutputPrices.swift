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
        context.execution.progress.begin(Self.stage, total: context.original.structure.blockCount, unit: "blocks")
        defer { context.execution.progress.end() }
        let found = try context.recording(Self.stage, "") {
            var found = PassSnapshot()
            let curvature = try Self.curvature(gradients, sequences, context)
            for (name, squares) in curvature.layers where names.contains(name) { try found.set(name, OutputCurvature.shares(squares)) }
            for (block, prices) in curvature.blockPrices.enumerated() { try found.set(Self.place(block), prices) }
            return found
        }
        prices = try names.reduce(into: [:]) { $0[$1] = try found.floats($1) }
        var blocks: [[Float]] = []
        while let next = try found.floats(Self.place(blocks.count)) { blocks.append(next) }
        self.blocks = blocks
    }

    private static let stage = "prices of outputs"

    /// The way back through the model, from where an interrupted run stood on.
    private static func curvature(_ gradients: any GradientProvider, _ sequences: [Int], _ context: PassContext) throws -> OutputCurvature {
        let values = context.original.tensors.reduce(0) { $0 + $1.shape.elementCount }
        let keeps = context.keepsInterim(values: values)
        var (found, reached) = (OutputCurvature(layers: [:], blocks: []), (block: Int, gradients: [[Float]])?.none)
        if keeps, let stand = try context.snapshot.flatMap({ try self.stand(of: $0, sequences.count) }) {
            (found, reached) = (stand.found, (stand.block, stand.gradients))
            context.execution.progress.advance(by: context.original.structure.blockCount - stand.block, remark: "block \(stand.block)")
        }
        let way = CurvatureWay(reached: reached) { block, states in
            if keeps { try context.keepSnapshot { try snapshot(of: found, block, states()) } }
        }
        try gradients.forEachOutputCurvature(seed: context.seed, sequences: sequences, way: way) { block, layers, output in
            found.add(block, layers, output)
            context.execution.progress.advance(by: 1, remark: "block \(block)")
        }
        return found
    }

    /// Of what is found from a block on, and the gradients that go on from there, by sequence.
    private static func snapshot(of found: OutputCurvature, _ block: Int, _ gradients: [[Float]]) throws -> PassSnapshot {
        var snapshot = PassSnapshot()
        snapshot.numbers[stage] = [Double(block)]
        for (name, squares) in found.layers { snapshot.numbers[name] = squares }
        for (block, squares) in found.blocks.enumerated() { snapshot.numbers[place(block)] = squares }
        for (index, states) in gradients.enumerated() { try snapshot.set("\(index)", states) }
        return snapshot
    }

    /// Nil for what another stage has kept.
    private static func stand(
        of snapshot: PassSnapshot, _ sequenceCount: Int
    ) throws -> (found: OutputCurvature, block: Int, gradients: [[Float]])? {
        guard let block = snapshot.numbers[stage]?.first.flatMap({ Int(exactly: $0) }) else { return nil }
        var (layers, blocks) = (snapshot.numbers, [[Double]]())
        layers[stage] = nil
        while let output = layers.removeValue(forKey: place(blocks.count)) { blocks.append(output) }
        let gradients = try (0..<sequenceCount).compactMap { try snapshot.floats("\($0)") }
        guard gradients.count == sequenceCount, blocks.indices.contains(block) else { return nil }
        return (OutputCurvature(layers: layers, blocks: blocks), block, gradients)
    }

    /// What the prices of a block's outputs are kept by: no tensor has such a name.
    private static func place(_ block: Int) -> String { "block \(block)" }

    /// Those of a layer; nil where its outputs count alike.
    subscript(_ name: String) -> [Float]? { prices[name] }
}
