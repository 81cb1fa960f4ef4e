extension Matrix {
    /// Each row over its Euclidean norm; rows of zeros stay.
    var withUnitRows: Matrix { scalingRows(by: rowNorms.map { $0 > 0 ? 1 / $0 : 0 }) }
}
