import Execution
import LinearAlgebra

/// The low-rank block of alternating directions: L = argmin tr((A − L) G (A − L)ᵀ) of rank r for an A that moves a little each time.
///
/// With G = C·Cᵀ the best L is Q·QᵀA, Q the r left singular vectors of A·C (SVD-LLM, arXiv 2403.07378, section 3.2). They are found once by an
/// eigendecomposition, then followed by one step of subspace iteration a call (Golub and Van Loan, Matrix Computations, 8.2.4): with B = QᵀA of the
/// call before, Q ← orth(A·G·Bᵀ). A step costs 4mnr operations and not those of an eigendecomposition.
struct MetricSubspace {
    let rank: Int
    let inputs: ScaledInputs
    /// Qᵀ [r, m] and B = QᵀA [r, n]; nil before the first A.
    private(set) var factors: (left: Matrix, right: Matrix)?

    init(rank: Int, inputs: ScaledInputs) { (self.rank, self.inputs) = (rank, inputs) }

    /// L for A, nearly the best.
    mutating func follow(_ a: Matrix, _ execution: ExecutionContext) throws -> Matrix {
        guard let factors else { return try solve(a, execution) }
        let directions = try factors.right.times(inputs.gram, on: execution)
        return try project(a, onto: directions.times(a, otherAs: .transposed, on: execution).withOrthonormalRows(), execution)
    }

    /// L for A, the best.
    mutating func solve(_ a: Matrix, _ execution: ExecutionContext) throws -> Matrix {
        let triplets = try a.times(inputs.root, on: execution).leadingSingularTriplets(rank, execution)
        return try project(a, onto: triplets.u.transposed.withOrthonormalRows(), execution)
    }

    private mutating func project(_ a: Matrix, onto left: Matrix, _ execution: ExecutionContext) throws -> Matrix {
        let right = try left.times(a, on: execution)
        factors = (left, right)
        return try left.times(right, .transposed, on: execution)
    }
}
