import CKernels

extension Matrix {
    /// diag(d) · A.
    package func scalingRows(by d: [Float]) -> Matrix {
        precondition(d.count == rows, "\(d.count) factors for \(rows) rows")
        var result = self
        result.elements.withUnsafeMutableBufferPointer { out in
            for row in 0..<rows {
                let factor = d[row]
                for i in row * columns..<(row + 1) * columns { out[i] *= factor }
            }
        }
        return result
    }

    /// The rows in the opposite order.
    package var reversedRows: Matrix {
        Matrix(rows: rows, columns: columns) { out in
            elements.withUnsafeBufferPointer { source in
                for row in 0..<rows {
                    for column in 0..<columns { out[row * columns + column] = source[(rows - 1 - row) * columns + column] }
                }
            }
        }
    }

    /// Makes a square matrix symmetric by its upper triangle.
    package mutating func mirror() {
        let n = rows
        elements.withUnsafeMutableBufferPointer { out in
            if let out = out.baseAddress { caplet_mirror_upper_triangle(out, n) }
        }
    }

    /// √aⱼⱼ of a positive semidefinite matrix; rounding below zero counts as zero.
    public var diagonalRoots: [Float] { (0..<rows).map { max(self[$0, $0], 0).squareRoot() } }
}
