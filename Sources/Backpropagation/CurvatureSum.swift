import LinearAlgebra

/// Sums over positions, with inputs xₜ and gradients gₜ of the outputs of a weight [out, in].
struct CurvatureSum {
    /// Σ ‖gₜ‖² xₜxₜᵀ
    var inputs: Matrix
    /// Σ gₜᵣ²
    var rows: [Double]
    /// Σ ‖gₜ‖²
    var weight = 0.0

    init(rows: Int, columns: Int) {
        inputs = Matrix(zeros: columns, columns)
        self.rows = [Double](repeating: 0, count: rows)
    }

    /// The mean of xₜxₜᵀ where each position weighs ‖gₜ‖², [in, in]: zeros for a weight whose outputs never mattered.
    var meanInputs: Matrix {
        var mean = inputs
        // In double: of tiny gradients the reciprocal is no float.
        for i in mean.elements.indices { mean.elements[i] = weight > 0 ? Float(Double(mean.elements[i]) / weight) : 0 }
        return mean
    }
}
