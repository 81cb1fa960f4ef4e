import CKernels
import CLibrary

extension Matrix {
    /// Σ |aᵢⱼ|, summed in double.
    public var entrywiseL1Norm: Double {
        elements.withUnsafeBufferPointer { buffer in buffer.isEmpty ? 0 : caplet_sum_abs(buffer.baseAddress, buffer.count) }
    }

    /// Σ aᵢⱼ², summed in double.
    public var squaredFrobeniusNorm: Double {
        elements.withUnsafeBufferPointer { buffer in buffer.isEmpty ? 0 : caplet_sum_squares(buffer.baseAddress, buffer.count) }
    }

    public var frobeniusNorm: Double { squaredFrobeniusNorm.squareRoot() }

    /// Whether every element is a finite number.
    public var isFinite: Bool {
        elements.withUnsafeBufferPointer { buffer in
            buffer.isEmpty || caplet_has_nonfinite(buffer.baseAddress, buffer.count) == 0
        }
    }

    public static func - (left: Matrix, right: Matrix) -> Matrix {
        precondition(left.rows == right.rows && left.columns == right.columns, "shapes differ")
        return Matrix(rows: left.rows, columns: left.columns) { out in
            left.elements.withUnsafeBufferPointer { a in
                right.elements.withUnsafeBufferPointer { b in
                    for i in 0..<out.count { out[i] = a[i] - b[i] }
                }
            }
        }
    }

    public static func + (left: Matrix, right: Matrix) -> Matrix {
        precondition(left.rows == right.rows && left.columns == right.columns, "shapes differ")
        return Matrix(rows: left.rows, columns: left.columns) { out in
            left.elements.withUnsafeBufferPointer { a in
                right.elements.withUnsafeBufferPointer { b in
                    for i in 0..<out.count { out[i] = a[i] + b[i] }
                }
            }
        }
    }

    /// ‖self − reference‖_F / ‖reference‖_F; 0 when both are zero, infinite when only the reference is.
    public func relativeFrobeniusError(to reference: Matrix) -> Double {
        let error = (self - reference).frobeniusNorm
        let scale = reference.frobeniusNorm
        return error == 0 ? 0 : error / scale
    }
}
