import LinearAlgebra
import ModelGraph

/// What is kept of one matrix: factors and entries, before they are stored.
struct PruningResult {
    let name: String
    /// U [m, r] and V [r, n]; nil at rank 0.
    let lowRank: (u: Matrix, v: Matrix)?
    let sparse: Matrix
    /// What pruning this layer alone cost, where it was measured.
    var sensitivity: Double?
    /// What its low-rank part saves of the layer's output error, or would have cost where it was left out; nil where none was tried.
    var rankGain: Double?

    var matrix: Matrix {
        guard let lowRank else { return sparse }
        return lowRank.u.times(lowRank.v) + sparse
    }

    /// The payload, with values as `dtype`: U·V if there is rank, the entries if there are any.
    func payload(_ dtype: DType) throws -> Payload {
        let entries = Payload.sparse(try SparseTensor(nonZerosOf: sparse, dtype: dtype))
        guard let lowRank else { return entries }
        let factors = Payload.lowRank(
            try LowRankTensor(u: .dense(DenseTensor(lowRank.u, dtype: dtype)), v: .dense(DenseTensor(lowRank.v, dtype: dtype))))
        return entries.parameterCount == 0 ? factors : .composite([factors, entries])
    }

    /// The 16-bit dtype to keep values in: BF16 for a BF16 checkpoint, whose precision is no better; otherwise F16, or BF16 where a value
    /// is beyond F16's range.
    func storageDType(for original: DType) -> DType {
        if original == .bf16 { return .bf16 }
        let largest = [sparse.elements, lowRank?.u.elements ?? [], lowRank?.v.elements ?? []].joined().reduce(Float(0)) { max($0, abs($1)) }
        return largest < 65504 ? .f16 : .bf16
    }
}
