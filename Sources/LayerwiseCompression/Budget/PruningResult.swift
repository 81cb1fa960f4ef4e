import LinearAlgebra
import ModelGraph

/// What is kept of one matrix: factors and entries, before they are stored.
public struct PruningResult {
    /// The tensor's.
    public let name: String
    /// U [m, r] and V [r, n]; nil at rank 0.
    public let lowRank: (u: Matrix, v: Matrix)?
    /// S [m, n].
    public let sparse: Matrix
    /// What pruning this layer alone cost, where it was measured.
    public var sensitivity: Double?
    /// What its low-rank part saves of the layer's output error, or would have cost where it was left out; nil where none was tried.
    public var rankGain: Double?

    public init(name: String, lowRank: (u: Matrix, v: Matrix)?, sparse: Matrix, sensitivity: Double? = nil, rankGain: Double? = nil) {
        (self.name, self.lowRank, self.sparse) = (name, lowRank, sparse)
        (self.sensitivity, self.rankGain) = (sensitivity, rankGain)
    }

    /// The same with singular triplets as balanced factors U√Σ and √ΣVᵀ.
    public init(
        name: String, _ triplets: SingularTriplets, sparse: Matrix, sensitivity: Double? = nil, rankGain: Double? = nil
    ) throws {
        let factors = try triplets.rank == 0 ? nil : LowRankTensor(triplets, dtype: .f32)
        let lowRank = try factors.map { (u: try $0.u.densifiedMatrix(), v: try $0.v.densifiedMatrix()) }
        self.init(name: name, lowRank: lowRank, sparse: sparse, sensitivity: sensitivity, rankGain: rankGain)
    }

    /// U·V + S.
    public var matrix: Matrix {
        guard let lowRank else { return sparse }
        return lowRank.u.times(lowRank.v) + sparse
    }

    /// The payload, with values as `dtype`: U·V if there is rank, the entries if there are any.
    public func payload(_ dtype: DType) throws -> Payload {
        let entries = Payload.sparse(try SparseTensor(nonZerosOf: sparse, dtype: dtype))
        guard let lowRank else { return entries }
        let factors = Payload.lowRank(
            try LowRankTensor(u: .dense(DenseTensor(lowRank.u, dtype: dtype)), v: .dense(DenseTensor(lowRank.v, dtype: dtype))))
        return entries.parameterCount == 0 ? factors : .composite([factors, entries])
    }

    /// The dtype to keep the values in.
    public func storageDType(_ dtype: StoredDType, for tensor: Tensor) -> DType {
        dtype(for: tensor, sparse.elements, lowRank?.u.elements ?? [], lowRank?.v.elements ?? [])
    }
}
