import Architectures
import Execution
import Matrices
import ModelGraph

extension Transformer {
    /// tokens + positions + the first token type, and the norm of that, as far as the family has them.
    func addingPositions(_ tokens: Activations, from start: Int) throws -> Activations {
        let width = configuration.hiddenSize
        let longest = tokens.tokenCounts.max() ?? 0
        let hasTable = configuration.design.positions == .learned
        guard !hasTable || start + longest <= configuration.contextLength else {
            throw ModelError.tooLong(tokens: start + longest, positions: configuration.contextLength)
        }
        var added = [Float](repeating: 0, count: longest * width)
        func add(_ module: Module, row: (Int) -> Int) throws {
            let tensor = try source.tensor(module)
            let table = try source.rowReader(module)
            var values = [Float](repeating: 0, count: width)
            for position in 0..<longest {
                try values.withUnsafeMutableBufferPointer { try table(row(position), $0) }
                guard values.allSatisfy(\.isFinite) else { throw GraphError.notFinite("tensor '\(tensor.name)'") }
                for i in 0..<width { added[position * width + i] += values[i] }
            }
        }
        if hasTable { try add(.positionEmbedding) { start + $0 + configuration.design.firstPosition } }
        if source.name(.tokenTypeEmbedding) != nil { try add(.tokenTypeEmbedding) { _ in 0 } }
        let norm = source.name(.embeddingNorm) == nil ? nil : try source.norm(.embeddingNorm)
        var result = tokens
        for sequence in result.hidden.indices {
            result.hidden[sequence].withUnsafeMutableBufferPointer { rows in
                guard let base = rows.baseAddress else { return }
                for i in 0..<rows.count { base[i] += added[i] }
                norm?.apply(base, into: base, tokens: tokens.tokenCounts[sequence])
            }
        }
        return result
    }

    /// The mean over its tokens of each sequence's final hidden states, [hidden] each: what sentence embeddings are before they are
    /// scaled to length one.
    public func pooledEmbeddings(
        _ sequences: [[Int32]], replacing replacements: ReplacedWeights = [:], _ execution: ExecutionContext
    ) throws -> [[Float]] {
        try finalHidden(sequences, replacing: replacements, execution).map { Transformer.pooled($0, width: configuration.hiddenSize) }
    }

    /// The same, from the hidden states that enter block `first` on.
    public func pooledEmbeddings(
        continuing start: Activations, from first: Int, replacing replacements: ReplacedWeights, _ execution: ExecutionContext
    ) throws -> [[Float]] {
        try finalHidden(continuing: start, from: first, replacing: replacements, execution)
            .map { Transformer.pooled($0, width: configuration.hiddenSize) }
    }

    /// The same, of hidden states that have left the last block.
    public func pooledEmbeddings(final states: HiddenStates) -> [[Float]] {
        (0..<states.count).map { Transformer.pooled(states[$0], width: configuration.hiddenSize) }
    }

    private static func pooled(_ hidden: [Float], width: Int) -> [Float] {
        var sums = [Double](repeating: 0, count: width)
        for (index, value) in hidden.enumerated() { sums[index % width] += Double(value) }
        let tokens = Double(max(hidden.count / width, 1))
        return sums.map { Float($0 / tokens) }
    }
}

/// One less the cosine of two vectors: 0 where they point the same way, 2 where they are opposed, 1 where one is zero.
public func cosineDistance(_ a: [Float], _ b: [Float]) -> Double {
    var (product, squareA, squareB) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
        product += Double(x) * Double(y)
        squareA += Double(x) * Double(x)
        squareB += Double(y) * Double(y)
    }
    guard squareA > 0, squareB > 0 else { return squareA == squareB ? 0 : 1 }
    // Equal vectors differ by rounding of the roots alone.
    return max(1 - product / (squareA.squareRoot() * squareB.squareRoot()), 0)
}
