import CKernels

/// Codes of whole rows, and a scale for each of their groups.
struct QuantizedRows {
    let columns: Int
    let groupSize: Int
    /// Groups of a row; the last may be shorter.
    let groups: Int
    /// [rows × groups]
    let scales: UnsafePointer<Float>
    /// [rows × columns]
    let codes: UnsafeRawBufferPointer
    /// [columns], or nothing.
    var columnScales: [Float]?

    /// Writes `rows` rows of floats.
    ///
    /// - Parameter zeros: zero points, [rows × groups]; nil for symmetric codes.
    func dequantize(_ rows: Int, zeros: UnsafeRawBufferPointer?, into out: UnsafeMutablePointer<Float>) {
        scaleRows(rows, zeros: zeros, into: out)
        columnScales?.withUnsafeBufferPointer { scales in
            for row in 0..<rows {
                let values = out + row * columns
                for column in 0..<columns { values[column] *= scales[column] }
            }
        }
    }

    private func scaleRows(_ rows: Int, zeros: UnsafeRawBufferPointer?, into out: UnsafeMutablePointer<Float>) {
        guard let base = codes.baseAddress else { return }
        if zeros == nil, columns % groupSize == 0 {
            return caplet_dequantize_groups(base.assumingMemoryBound(to: Int8.self), scales, groupSize, out, rows * columns)
        }
        for row in 0..<rows {
            for group in 0..<groups {
                let start = row * columns + group * groupSize
                let length = min(groupSize, columns - group * groupSize)
                let scale = scales[row * groups + group]
                if let zeros {
                    let codes = base.assumingMemoryBound(to: UInt8.self) + start
                    caplet_dequantize_u8(codes, scale, Float(zeros[row * groups + group]), out + start, length)
                } else {
                    caplet_dequantize_i8(base.assumingMemoryBound(to: Int8.self) + start, scale, out + start, length)
                }
            }
        }
    }
}
