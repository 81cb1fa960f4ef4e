import ModelGraph
import PassKit

/// What a round made of a matrix, as it is kept until the round is done.
extension CodedMatrix.Rounded {
    var record: PassSnapshot {
        get throws {
            var found = PassSnapshot()
            if let codes {
                found.arrays["codes"] = try DenseTensor(dtype: .i8, shape: Shape(count: codes.byteCount), bytes: codes)
            }
            try found.set("scales", scales)
            found.numbers["codes"] = histogram.counts.map(Double.init)
            if let indices { found.numbers["indices"] = indices.counts.map(Double.init) }
            return found
        }
    }

    /// Nil for a record that is none of the matrix.
    init?(_ record: PassSnapshot, of matrix: CodedMatrix, keepsCodes: Bool) throws {
        guard let histogram = CodeHistogram(counts: record.numbers["codes"]), let scales = try record.floats("scales"),
            scales.count == matrix.rowScales.count
        else { return nil }
        let codes = record.arrays["codes"]
        guard !keepsCodes || codes?.dtype == .i8 && codes?.byteCount == matrix.values.rows * matrix.values.columns else { return nil }
        self.init(
            codes: keepsCodes ? codes?.bytes : nil, scales: scales, columnScales: matrix.storableColumns, histogram: histogram,
            indices: TrellisCounts(counts: record.numbers["indices"]))
    }
}
