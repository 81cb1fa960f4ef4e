import LinearAlgebra
import ModelGraph

extension CodedMatrix {
    /// What codes of some rows leave of the values, in the unit that scales are relative to: Σᵣ δᵣ H δᵣᵀ / sᵣ², sᵣ a row's relative scale; without H
    /// Σ δ² / s² over all groups. m·n² operations.
    ///
    /// - Parameters:
    ///   - scales: of these rows, as they are stored.
    ///   - columns: as they are stored.
    func error(
        _ scales: [Float], _ columns: [Float]?, _ codes: [Int8], _ values: UnsafePointer<Float>, _ rows: Range<Int>
    ) -> Double {
        let n = self.values.columns
        let groups = QuantizedTensor.groupsPerRow(columns: n, groupSize: groupSize)
        var rest = [Float](repeating: 0, count: rows.count * n)
        for row in 0..<rows.count {
            for j in 0..<n {
                let place = row * n + j
                rest[place] = values[place] - Float(codes[place]) * scales[row * groups + j / groupSize] * (columns?[j] ?? 1)
            }
        }
        var priced = rest
        if let h = inputs.flatMap({ UnsafePointer($0.floats.baseAddress) }) {
            multiply(m: rows.count, n: n, k: n, rest, .plain, lda: n, h, .plain, ldb: n, into: &priced, ldc: n)
        }
        var sum = 0.0
        for row in 0..<rows.count {
            for group in 0..<groups {
                let scale = Double(rowScales[(rows.lowerBound + row) * groups + group])
                var own = 0.0
                for j in group * groupSize..<min((group + 1) * groupSize, n) {
                    own += Double(rest[row * n + j]) * Double(priced[row * n + j])
                }
                sum += own / (scale * scale)
            }
        }
        return sum
    }
}
