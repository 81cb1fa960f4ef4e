import CKernels
import LinearAlgebra
import ModelGraph
import PassKit

/// The units of one decomposed matrix that stage 2 chooses from: singular values of L, each costing m + n parameters, and
/// non-zeros of S, each costing one.
struct CandidatePool {
    let name: String
    let rows: Int
    let columns: Int
    let lowRank: SingularTriplets
    let pattern: [UInt64]
    let wordsPerRow: Int
    /// Non-zeros of S in row-major order.
    let values: [Float]

    var rankOneCost: Int { rows + columns }

    /// - Throws: `PassError` when the tensor is not the sum of one low-rank and one sparse term, `GraphError.notFinite`.
    init(_ tensor: Tensor, pass: String) throws {
        let (factors, entries) = try CandidatePool.parts(of: tensor, pass: pass)
        name = tensor.name
        (rows, columns) = (tensor.shape.rows, tensor.shape.columns)
        lowRank = try factors.triplets()
        pattern = try entries.pattern.readWords()
        wordsPerRow = entries.pattern.wordsPerRow
        values = try entries.values.densifiedFloats()
        guard values.allSatisfy(\.isFinite), lowRank.singularValues.allSatisfy(\.isFinite) else {
            throw GraphError.notFinite("tensor '\(name)'")
        }
    }

    /// The low-rank and the sparse term.
    ///
    /// - Throws: `PassError` when there are others, or one is not there.
    static func parts(of tensor: Tensor, pass: String) throws -> (LowRankTensor, SparseTensor) {
        var factors: LowRankTensor?
        var entries: SparseTensor?
        for term in tensor.payload.terms {
            if case .lowRank(let part) = term, factors == nil { factors = part }
            if case .sparse(let part) = term, entries == nil { entries = part }
        }
        guard let factors, let entries, tensor.payload.terms.count == 2 else {
            throw PassError(
                .usage, pass: pass,
                "chooses from the low-rank and sparse parts of every matrix, and '\(tensor.name)' is \(tensor.payload.kindName); "
                    + "put rpca before it")
        }
        return (factors, entries)
    }

    /// Σ kept σᵢ uᵢ vᵢᵀ + kept entries: `keptTriplets` and `keptEntries` say which units are in.
    func matrix(keptTriplets: [Bool], keptEntries: [Bool]) -> Matrix {
        var values = self.values
        for index in values.indices where !keptEntries[index] { values[index] = 0 }
        var matrix = expand(values)
        let kept = keptTriplets.indices.filter { keptTriplets[$0] }
        if !kept.isEmpty {
            let product = triplets(kept).product
            for index in matrix.elements.indices { matrix.elements[index] += product.elements[index] }
        }
        return matrix
    }

    /// Some of the singular triplets.
    func triplets(_ kept: [Int]) -> SingularTriplets {
        let u = Matrix(rows: rows, columns: kept.count) { out in
            for row in 0..<rows {
                for (slot, component) in kept.enumerated() { out[row * kept.count + slot] = lowRank.u[row, component] }
            }
        }
        let v = Matrix(rows: kept.count, columns: columns) { out in
            for (slot, component) in kept.enumerated() {
                for column in 0..<columns { out[slot * columns + column] = lowRank.vTransposed[component, column] }
            }
        }
        return SingularTriplets(u: u, singularValues: kept.map { lowRank.singularValues[$0] }, vTransposed: v)
    }

    /// The matrix with `values` at the pattern's positions, zero elsewhere.
    func expand(_ values: [Float]) -> Matrix {
        Matrix(rows: rows, columns: columns) { out in
            var used = 0
            values.withUnsafeBufferPointer { values in
                guard let target = out.baseAddress else { return }
                let base = values.baseAddress ?? UnsafePointer(target)
                for row in 0..<rows {
                    pattern.withUnsafeBufferPointer { words in
                        used += caplet_sparse_expand_row(
                            words.baseAddress! + row * wordsPerRow, base + used, target + row * columns, columns)
                    }
                }
            }
        }
    }
}
