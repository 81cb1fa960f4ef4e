import Architectures
import Execution
import Matrices
import ModelGraph

extension Transformer {
    /// tokens + positions + token types, and the norm of that, as far as the family has them.
    func addingPositions(
        _ tokens: Activations, _ sequences: [[Int32]], _ types: [[Int32]]?, from start: Int
    ) throws -> Activations {
        let c = configuration
        let (width, longest) = (c.embeddingWidth, tokens.tokenCounts.max() ?? 0)
        let hasTable = c.design.positions == .learned
        guard !hasTable || start + longest <= c.contextLength else {
            throw ModelError.tooLong(tokens: start + longest, positions: c.contextLength)
        }
        var positions = hasTable ? try TableRows(source, .positionEmbedding) : nil
        var kinds = source.name(.tokenTypeEmbedding) == nil ? nil : try TableRows(source, .tokenTypeEmbedding)
        let norm = source.name(.embeddingNorm) == nil ? nil : try source.norm(.embeddingNorm)
        var result = tokens
        for sequence in result.hidden.indices {
            let rows = positionRows(sequences[sequence], from: start)
            for (place, row) in rows.enumerated() {
                var added = try positions?.values(row) ?? [Float](repeating: 0, count: width)
                if let kind = try kinds?.values(types.map { Int($0[sequence][place]) } ?? 0) {
                    for i in 0..<width { added[i] += kind[i] }
                }
                for i in 0..<width { result.hidden[sequence][place * width + i] += added[i] }
            }
            result.hidden[sequence].withUnsafeMutableBufferPointer { rows in
                guard let base = rows.baseAddress else { return }
                norm?.apply(base, into: base, tokens: tokens.tokenCounts[sequence])
            }
        }
        return result
    }

    /// The row of the table of positions for each token: of families whose positions begin after the padding token's that token itself has its
    /// row wherever it stands, and is not counted.
    private func positionRows(_ tokens: [Int32], from start: Int) -> [Int] {
        let first = configuration.design.firstPosition
        guard configuration.family?.keys.startsAfterPadding == true else { return tokens.indices.map { start + $0 + first } }
        var next = start + first
        return tokens.map { token in
            guard Int(token) != first - 1 else { return first - 1 }
            next += 1
            return next - 1
        }
    }

    /// [tokens, hidden] of embeddings that are narrower.
    func projected(_ embeddings: Activations) throws -> Activations {
        guard let (weight, bias) = try source.embeddingProjection() else { return embeddings }
        var result = embeddings
        for (sequence, rows) in embeddings.hidden.enumerated() {
            let tokens = embeddings.tokenCounts[sequence]
            var hidden = [Float](repeating: 0, count: tokens * configuration.hiddenSize)
            hidden.withUnsafeMutableBufferPointer { hidden in
                guard tokens > 0, let out = hidden.baseAddress else { return }
                weight.apply(to: rows, tokens: tokens, into: out)
                if let bias { add(bias, to: out, rows: tokens) }
            }
            result.hidden[sequence] = hidden
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

/// Rows of a table of embeddings, each read once.
private struct TableRows {
    private let tensor: String
    private let count: Int
    private let width: Int
    private let read: RowReading
    private var known: [Int: [Float]] = [:]

    init(_ source: WeightSource, _ module: Module) throws {
        let found = try source.tensor(module)
        (tensor, count, width) = (found.name, found.shape.dimensions[0], found.shape.dimensions[1])
        read = try source.rowReader(module)
    }

    /// - Throws: `GraphError` for a row that is not finite; `ModelError.noRow` for one that the table does not have.
    mutating func values(_ row: Int) throws -> [Float] {
        if let values = known[row] { return values }
        guard (0..<count).contains(row) else { throw ModelError.noRow(row, of: tensor, count: count) }
        var values = [Float](repeating: 0, count: width)
        try values.withUnsafeMutableBufferPointer { try read(row, $0) }
        guard values.allSatisfy(\.isFinite) else { throw GraphError.notFinite("tensor '\(tensor)'") }
        known[row] = values
        return values
    }
}

extension WeightSource {
    /// Of families whose embeddings may be narrower than the hidden state; nil where they are as wide, unless there is a layer all the same.
    func embeddingProjection() throws -> (weight: any LinearMap, bias: [Float]?)? {
        let c = configuration
        guard let rule = family.rule(of: .embeddingProjection), let name = name(.embeddingProjection) else { return nil }
        if rule.isOptional, c.embeddingWidth == c.hiddenSize { return nil }
        return (
            try linear(name, shape(.embeddingProjection), [:], ExecutionContext(threads: 1)),
            try vector(WeightSource.bias(of: name), c.hiddenSize)
        )
    }
}
