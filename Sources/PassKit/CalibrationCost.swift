import ModelGraph

/// What it takes to run a model on a calibration set, on paper.
public struct CalibrationCost: Sendable {
    /// Sequences in the set.
    public let sequenceCount: Int
    /// Operations of one forward pass over the set, counted as products of large matrices.
    public let forward: Double
    /// Operations of the second moments of the inputs of all layers.
    public let secondMoments: Double
    /// Bytes that one sequence takes on its way through a block.
    public let workingBytes: Double
    /// Bytes of a block's weights as floats, or of the head's.
    public let blockBytes: Double
    /// Bytes of the hidden states of the set, which wait on scratch where they are many.
    public let stateBytes: Double
    /// Operations of a forward pass of other models over the set, by path.
    private let teachers: [String: Double]
    /// Tasks that products of large matrices fall into: sequences, and tiles of each.
    public let tasks: Int

    /// Sequences that gradients are taken on, where a pass takes more than are calibrated on: at most so many for each of these.
    public static let learningShare = 4

    /// Of the rate of large products, what a forward pass runs at.
    private static let efficiency = 0.7

    /// - Parameters:
    ///   - graph: with its structure known.
    ///   - tokens: in each sequence.
    ///   - teachers: other models that passes run on the set, by path.
    public init(_ graph: TensorGraph, sequences: Int, tokens: Int, teachers: [String: TensorGraph] = [:]) {
        self.teachers = teachers.mapValues { CalibrationCost($0, sequences: sequences, tokens: tokens).forward }
        let (tokens, total) = (Double(tokens), Double(sequences) * Double(tokens))
        let matrices = graph.tensors.filter { $0.shape.rank == 2 && $0.role == .linear }
        let linear = matrices.reduce(0.0) { $0 + Double($1.shape.elementCount) }
        let embedding = graph.tensors.first { $0.shape.rank == 2 && ($0.role == .head || $0.role == .embedding) }
        let (vocabulary, hidden) = (embedding?.shape.rows ?? 0, embedding?.shape.columns ?? matrices.first?.shape.columns ?? 0)
        // Scores and sums of attention: 2 each a pair of tokens and channel.
        let attention = 4 * total * tokens * Double(hidden) * Double(graph.structure.blockCount)
        sequenceCount = sequences
        forward = (2 * total * (linear + Double(vocabulary) * Double(hidden)) + attention) / Self.efficiency
        secondMoments = graph.structure.inputGroups.reduce(0.0) { sum, group in
            let width = Double(group.members.first.flatMap { graph[$0]?.shape.columns } ?? 0)
            return sum + total * width * width / Self.efficiency
        }
        let widest = matrices.map(\.shape.rows).max() ?? 0
        workingBytes = 4 * tokens * (6 * Double(hidden) + 2 * Double(widest) + 2 * tokens) + 16 * Double(1 << 22)
        blockBytes = 4 * max(linear / Double(max(graph.structure.blockCount, 1)), Double(vocabulary) * Double(hidden))
        stateBytes = 4 * total * Double(hidden)
        let tiles = max(tokens / 256, 1) * max(Double(hidden) / 256, 1)
        tasks = Int(exactly: min(Double(sequences) * tiles, 1e9).rounded()) ?? 1
    }

    /// Operations of a forward pass of a teacher over the set.
    public func forward(of aim: DistillationAim) -> Double { aim.teacher.flatMap { teachers[$0] } ?? forward }

    /// The cost of a pass that compresses each layer by itself, against the statistics of its inputs: one forward pass for these and two for the
    /// losses before and after.
    ///
    /// - Parameter layers: what the pass takes for its layers.
    public func ofLayerwise(_ layers: PassCost, needsSecondMoments: Bool) -> PassCost {
        var cost = layers
        cost.operations += 3 * forward + (needsSecondMoments ? secondMoments : 0)
        add(to: &cost)
        return cost
    }

    /// Adds what any pass needs that runs the model.
    public func add(to cost: inout PassCost) {
        cost.workingBytes += workingBytes
        cost.sharedBytes += blockBytes
        cost.scratchBytes += 2 * stateBytes
        cost.parallelism = max(cost.parallelism, tasks)
    }
}
