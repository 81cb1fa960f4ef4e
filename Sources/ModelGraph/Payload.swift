/// What a tensor's values are made of. Parts are payloads themselves, so factors can be quantised.
public indirect enum Payload: Sendable {
    /// Every element, as stored.
    case dense(DenseTensor)
    /// Every element, in blocks of a codec.
    case blocks(BlockTensor)
    /// U · V with U [m, r] and V [r, n].
    case lowRank(LowRankTensor)
    /// Values at some positions of a matrix, zero elsewhere.
    case sparse(SparseTensor)
    /// Integer codes with a scale, and if asymmetric a zero point, a group.
    case quantized(QuantizedTensor)
    /// The sum of terms of one shape.
    case composite([Payload])

    /// The shape of the densified values.
    public var shape: Shape {
        switch self {
        case .dense(let tensor): return tensor.shape
        case .blocks(let tensor): return tensor.shape
        case .lowRank(let tensor): return tensor.shape
        case .sparse(let tensor): return tensor.shape
        case .quantized(let tensor): return tensor.shape
        case .composite(let terms): return terms.first?.shape ?? Shape(count: 0)
        }
    }

    /// Numbers that are kept: elements of dense parts, blocks and codes, r(m + n) for a low-rank term, non-zeros for a sparse
    /// one. Positions, scales and zero points are bytes, not parameters.
    public var parameterCount: Int {
        switch self {
        case .dense(let tensor): return tensor.shape.elementCount
        case .blocks(let tensor): return tensor.shape.elementCount
        case .lowRank(let tensor): return tensor.u.parameterCount + tensor.v.parameterCount
        case .sparse(let tensor): return tensor.pattern.nonZeroCount
        case .quantized(let tensor): return tensor.shape.elementCount
        case .composite(let terms): return terms.reduce(0) { $0 + $1.parameterCount }
        }
    }

    /// Bytes in memory before any entropy coding: codes count their bits, positions one bit an element, blocks theirs.
    public var byteCount: Int {
        switch self {
        case .dense(let tensor): return tensor.byteCount
        case .blocks(let tensor): return tensor.byteCount
        case .lowRank(let tensor): return tensor.u.byteCount + tensor.v.byteCount
        case .sparse(let tensor): return tensor.pattern.byteCount + tensor.values.byteCount
        case .quantized(let tensor): return tensor.byteCount
        case .composite(let terms): return terms.reduce(0) { $0 + $1.byteCount }
        }
    }

    /// The name of the case.
    public var kindName: String {
        switch self {
        case .dense: return "dense"
        case .blocks: return "blocks"
        case .lowRank: return "lowRank"
        case .sparse: return "sparse"
        case .quantized: return "quantized"
        case .composite: return "composite"
        }
    }

    /// All elements as one array, of payloads that keep each by itself: dense tensors as stored, blocks as the F32 that they decode to when
    /// asked; nil for factors, patterns, codes and sums.
    public var elementArray: DenseTensor? {
        switch self {
        case .dense(let tensor): return tensor
        case .blocks(let tensor): return tensor.elements
        case .lowRank, .sparse, .quantized, .composite: return nil
        }
    }

    /// The terms of a composite, or the payload itself as the only term.
    public var terms: [Payload] {
        if case .composite(let terms) = self { return terms }
        return [self]
    }

    /// The rank of the low-rank terms together, 0 without any.
    public var rank: Int {
        terms.reduce(0) { sum, term in
            if case .lowRank(let tensor) = term { return sum + tensor.rank }
            return sum
        }
    }

    /// Kept positions of the sparse terms as a share of all, nil without any.
    public var density: Double? {
        let sparse = terms.compactMap { term -> SparseTensor? in
            if case .sparse(let tensor) = term { return tensor }
            return nil
        }
        if sparse.isEmpty { return nil }
        let kept = sparse.reduce(0) { $0 + $1.pattern.nonZeroCount }
        return shape.elementCount == 0 ? 0 : Double(kept) / Double(shape.elementCount)
    }

    /// - Throws: `GraphError.inconsistent` where parts disagree in shape or count.
    public func checkInvariants() throws {
        switch self {
        case .dense(let tensor): try tensor.checkInvariants()
        case .blocks(let tensor): try tensor.checkInvariants()
        case .lowRank(let tensor): try tensor.checkInvariants()
        case .sparse(let tensor): try tensor.checkInvariants()
        case .quantized(let tensor): try tensor.checkInvariants()
        case .composite(let terms):
            guard !terms.isEmpty else { throw GraphError.inconsistent("composite", "has no terms") }
            for term in terms {
                if case .composite = term { throw GraphError.inconsistent("composite", "has a composite as a term") }
                guard term.shape == shape else {
                    throw GraphError.inconsistent("composite", "has terms of shapes \(shape) and \(term.shape)")
                }
                try term.checkInvariants()
            }
        }
    }
}
