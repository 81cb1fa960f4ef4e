import CKernels
import CLibrary
import ModelGraph

extension CodedMatrix {
    /// Levels of the trellis lie so many times as close as those of one quantiser that leaves the same error: the mean squared error of its
    /// codes is 0.255 of their squared distance, one quantiser's is a twelfth.
    static let trellisDistance = 0.571
    /// λ of the trellis, in its squared distances, over that of one quantiser: with 0.3 for 0.05 codes of Gaussian values take fewest bits at equal
    /// error, from one bit a code to three.
    static let trellisLambda: Float = 6
    /// Of a value in a round, in operations of large products: 270 ns of a thread that multiplies at some 60 GFLOP/s.
    static let trellisOperations = 16_000.0
    /// A matrix more of whose scales than this share must be wider than the step says, for codes of a byte, has one quantiser.
    private static let widenedShare = 0.02
    /// Longer rows are cut by the container's coder, and trellises begin anew there.
    private static let mostColumns = 1 << 20

    /// Whether the levels of a trellis, at a step, are within the reach of a byte.
    func fitsTrellis(step: Double) -> Bool {
        guard values.columns <= CodedMatrix.mostColumns else { return false }
        let distance = step * CodedMatrix.trellisDistance
        let widened = zip(rowScales, leastScales).count { Double($1) > distance * Double($0) }
        return Double(widened) <= CodedMatrix.widenedShare * Double(rowScales.count)
    }

    /// What each code of some rows is expected to be as large as, half an octave a class: its row's mean magnitude in steps times its column's.
    func expectedClasses(_ values: UnsafePointer<Float>, _ rows: Range<Int>, _ scales: [Float], _ columns: [Float]?) -> [UInt8] {
        let (n, groups) = (self.values.columns, QuantizedTensor.groupsPerRow(columns: self.values.columns, groupSize: groupSize))
        var columnSums = [Float](repeating: 0, count: n)
        var rowSums = [Float](repeating: 0, count: rows.count * groups)
        for row in 0..<rows.count {
            for group in 0..<groups {
                let inverse = 0.5 / scales[(rows.lowerBound + row) * groups + group]
                var sum: Float = 0
                for j in group * groupSize..<min((group + 1) * groupSize, n) {
                    let size = min(abs(values[row * n + j]) * inverse / (columns?[j] ?? 1), 64)
                    columnSums[j] += size
                    sum += size
                }
                rowSums[row * groups + group] = sum / Float(min(groupSize, n - group * groupSize))
            }
        }
        let mean = max(columnSums.reduce(0, +) / Float(max(n, 1)), .leastNormalMagnitude)
        // A single row knows nothing of its columns.
        let columnLogs = columnSums.map { rows.count < 8 ? 0 : 2 * log2(max($0 / mean, 1e-6)) }
        var classes = [UInt8](repeating: 0, count: rows.count * n)
        for row in 0..<rows.count {
            for group in 0..<groups {
                let middle = 2 * log2(max(rowSums[row * groups + group], 1e-6)) + Float(CAPLET_TRELLIS_CLASSES / 2)
                for j in group * groupSize..<min((group + 1) * groupSize, n) {
                    classes[row * n + j] = UInt8(min(max(middle + columnLogs[j], 0), Float(CAPLET_TRELLIS_CLASSES - 1)))
                }
            }
        }
        return classes
    }

    /// Rounds a block of a row to levels of the trellis, and gives its state after them.
    func trellis(
        _ values: UnsafeMutablePointer<Float>, _ steps: [Float], _ width: Int, _ factor: UnsafePointer<Float>?, _ classes: [UInt8],
        _ place: Int, _ round: Round, _ state: Int32, _ codes: UnsafeMutablePointer<Int8>, _ errors: UnsafeMutablePointer<Float>
    ) -> Int32 {
        let n = self.values.columns
        return classes.withUnsafeBufferPointer { classes in
            let classes = classes.baseAddress.map { $0 + place }
            guard let lengths = round.indexLengths else {
                return caplet_quantize_trellis(values, steps, width, factor, n, nil, classes, 0, state, codes, errors)
            }
            return caplet_quantize_trellis(
                values, steps, width, factor, n, lengths, classes, CodedMatrix.trellisLambda * round.lambda, state, codes, errors)
        }
    }
}
