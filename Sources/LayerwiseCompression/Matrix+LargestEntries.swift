import Execution
import LinearAlgebra

/// Which entries compete with each other for a place.
public enum ComparisonGroup: String, CaseIterable, Sendable {
    /// Those of one output row.
    case row
    /// Those of the whole layer.
    case layer
}

extension Matrix {
    /// The matrix with only the `count` entries of largest score, in the whole layer or the same share of each row, the others zero.
    ///
    /// Ties are kept in row-major order. Rows differ by at most one entry when `count` is no multiple of their number.
    ///
    /// - Parameter scores: those of a row's entries, none negative or NaN; called from several threads.
    public func keepingLargest(
        _ count: Int, within group: ComparisonGroup, _ execution: ExecutionContext, by scores: (_ row: Int) -> [Float]
    ) throws -> Matrix {
        if group == .layer {
            return Matrix(
                rows: rows, columns: columns,
                elements: Self.largest(count, of: elements[...], by: (0..<rows).flatMap { scores($0) }))
        }
        let shares = EvenShares(of: count, over: rows)
        let rowsAtATime = 64
        return try Matrix(rows: rows, columns: columns) { out in
            let out = out
            try execution.parallelFor((rows + rowsAtATime - 1) / rowsAtATime) { part in
                for row in part * rowsAtATime..<min((part + 1) * rowsAtATime, rows) {
                    let range = row * columns..<(row + 1) * columns
                    let kept = Self.largest(shares[row], of: elements[range], by: scores(row))
                    _ = UnsafeMutableBufferPointer(rebasing: out[range]).update(fromContentsOf: kept)
                }
            }
        }
    }

    private static func largest(_ count: Int, of values: ArraySlice<Float>, by scores: [Float]) -> [Float] {
        if count <= 0 { return [Float](repeating: 0, count: values.count) }
        if count >= values.count { return Array(values) }
        let pieces = [scores]
        let kept = OrderStatistic(largest: count, of: pieces).selection(of: pieces)[0]
        return zip(values, kept).map { $1 ? $0 : 0 }
    }
}
