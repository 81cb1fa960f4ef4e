import Execution
import Matrices
import ModelGraph

/// The hidden states of many sequences on their way through a model, which runs them block by block, so that a block's weights are made once:
/// in memory where they are few, on scratch else.
public final class HiddenStates {
    public let tokenCounts: [Int]
    private let width: Int
    /// Where each sequence begins, in floats, and where the last ends.
    private let starts: [Int]
    private let room: WorkingRoom

    /// Room for the states of so many sequences.
    ///
    /// - Parameter width: of a token's.
    public init(tokenCounts: [Int], width: Int, _ execution: ExecutionContext) throws {
        (self.tokenCounts, self.width) = (tokenCounts, width)
        var starts = [0]
        for count in tokenCounts { starts.append(starts[starts.count - 1] + count * width) }
        self.starts = starts
        room = try execution.memory.room(starts[starts.count - 1] * MemoryLayout<Float>.size)
    }

    /// The embeddings of sequences.
    ///
    /// - Throws: as `Transformer.embed`, and `ScratchError`.
    public convenience init(_ sequences: [[Int32]], of model: Transformer, _ execution: ExecutionContext) throws {
        try self.init(tokenCounts: sequences.map(\.count), width: model.configuration.hiddenSize, execution)
        for range in waves(HiddenStates.usualWave) { self[range] = try model.embed(Array(sequences[range])) }
    }

    /// The same states, for another way through the model.
    public func copy(_ execution: ExecutionContext) throws -> HiddenStates {
        let other = try HiddenStates(tokenCounts: tokenCounts, width: width, execution)
        for range in waves(HiddenStates.usualWave) { other[range] = self[range] }
        return other
    }

    /// Sequences whose states are copied at a time, where nothing else says.
    public static let usualWave = 16

    public var count: Int { tokenCounts.count }

    /// All sequences, some at a time.
    public func waves(_ size: Int) -> [Range<Int>] { stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) } }

    /// The states of some sequences.
    public subscript(range: Range<Int>) -> Transformer.Activations {
        get { Transformer.Activations(hidden: range.map { self[$0] }, tokenCounts: Array(tokenCounts[range])) }
        set { for (slot, index) in range.enumerated() { self[index] = newValue.hidden[slot] } }
    }

    /// Those of chosen ones, in the order that they are named in.
    public func some(_ sequences: [Int]) -> Transformer.Activations {
        Transformer.Activations(hidden: sequences.map { self[$0] }, tokenCounts: sequences.map { tokenCounts[$0] })
    }

    private var base: UnsafeMutablePointer<Float> { room.base.bindMemory(to: Float.self, capacity: max(starts[starts.count - 1], 1)) }

    /// The states [tokens, width] of one sequence.
    public subscript(sequence: Int) -> [Float] {
        get {
            let count = starts[sequence + 1] - starts[sequence]
            return [Float](unsafeUninitializedCapacity: count) { out, initialized in
                if let out = out.baseAddress { out.update(from: base + starts[sequence], count: count) }
                initialized = count
            }
        }
        set {
            let (start, count) = (starts[sequence], starts[sequence + 1] - starts[sequence])
            precondition(newValue.count == count, "\(newValue.count) floats for \(count)")
            newValue.withUnsafeBufferPointer { values in
                if let values = values.baseAddress { (base + start).update(from: values, count: count) }
            }
        }
    }
}

extension Transformer {
    /// Sequences that run at a time: as many as keep all threads at work.
    package func wave(_ execution: ExecutionContext) -> Int { max(HiddenStates.usualWave, execution.threads) }

    /// Runs one block on all sequences.
    public func forward(
        _ states: HiddenStates, through weights: BlockWeights, _ execution: ExecutionContext
    ) throws {
        for range in states.waves(wave(execution)) {
            var part = states[range]
            try forward(&part, through: weights, execution)
            states[range] = part
        }
    }

    /// Runs blocks, each on all sequences before the next.
    public func forward(
        _ states: HiddenStates, through blocks: Range<Int>, replacing replacements: ReplacedWeights = [:], _ execution: ExecutionContext
    ) throws {
        for index in blocks {
            try execution.cancellation.check()
            try forward(states, through: try block(index, replacing: replacements, execution), execution)
        }
    }
}
