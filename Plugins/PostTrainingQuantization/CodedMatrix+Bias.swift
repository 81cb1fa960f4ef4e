import LinearAlgebra
import ModelGraph

extension CodedMatrix {
    /// A scale is widened or narrowed at most this many times.
    private static let greatestGain: Float = 2

    /// The scales of some rows with which the outputs of each group are neither larger nor smaller than they were: wᵀHw = ŵᵀHw.
    ///
    /// Codes that are cut towards zero shrink all outputs together. Each row's squared error would be least with still smaller
    /// scales, but what rows lose together costs a model more than the same error at random.
    func unbiased(_ scales: [Float], _ columns: [Float]?, _ codes: [Int8], _ values: UnsafePointer<Float>, _ rows: Int) -> [Float] {
        let n = self.values.columns
        guard let h = inputs.flatMap({ UnsafePointer($0.floats.baseAddress) }) else {
            return unbiased(scales, columns, codes, values, against: values, rows)
        }
        var against = [Float](repeating: 0, count: rows * n)
        multiply(m: rows, n: n, k: n, values, .plain, lda: n, h, .plain, ldb: n, into: &against, ldc: n)
        return unbiased(scales, columns, codes, values, against: against, rows)
    }

    private func unbiased(
        _ scales: [Float], _ columns: [Float]?, _ codes: [Int8], _ values: UnsafePointer<Float>, against: UnsafePointer<Float>, _ rows: Int
    ) -> [Float] {
        let n = self.values.columns
        let groups = QuantizedTensor.groupsPerRow(columns: n, groupSize: groupSize)
        var made = scales
        codes.withUnsafeBufferPointer { codes in
            for row in 0..<rows {
                for group in 0..<groups {
                    let start = group * groupSize
                    let scale = scales[row * groups + group]
                    var (all, kept) = (0.0, 0.0)
                    for j in start..<min(start + groupSize, n) {
                        let place = row * n + j
                        all += Double(against[place] * values[place])
                        kept += Double(against[place] * Float(codes[place]) * scale * (columns?[j] ?? 1))
                    }
                    let gain = kept > 0 ? Float(all / kept) : 0
                    if (1 / CodedMatrix.greatestGain...CodedMatrix.greatestGain).contains(gain) {
                        made[row * groups + group] = scale * gain
                    }
                }
            }
        }
        return made.map(CodedMatrix.bfloat16)
    }
}
