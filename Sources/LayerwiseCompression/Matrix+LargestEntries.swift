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
            return Matrix(rows: rows, columns: columns) { out in
                keepLargest(count, of: elements.indices, by: (0..<rows).flatMap { scores($0) }, in: out)
            }
        }
        let shares = EvenShares(of: count, over: rows)
        let rowsAtATime = 64
        return try Matrix(rows: rows, columns: columns) { out in
            let out = out
            try execution.uncheckedParallelFor((rows + rowsAtATime - 1) / rowsAtATime) { part in
                for row in part * rowsAtATime..<min((part + 1) * rowsAtATime, rows) {
                    let range = row * columns..<(row + 1) * columns
                    keepLargest(shares[row], of: range, by: scores(row), in: UnsafeMutableBufferPointer(rebasing: out[range]))
                }
            }
        }
    }

    /// Elements of largest score in a range of them to `out`, zeros for the others.
    private func keepLargest(_ count: Int, of range: Range<Int>, by scores: [Float], in out: UnsafeMutableBufferPointer<Float>) {
        let statistic = count > 0 && count < range.count ? OrderStatistic(largest: count, of: [scores]) : nil
        // All of them, or none.
        let threshold = statistic?.threshold ?? (count > 0 ? -1 : .infinity)
        var ties = statistic?.tiesKept ?? 0
        elements.withUnsafeBufferPointer { elements in
            scores.withUnsafeBufferPointer { scores in
                for (place, index) in range.enumerated() {
                    let isTie = scores[place] == threshold && ties > 0
                    ties -= isTie ? 1 : 0
                    out[place] = scores[place] > threshold || isTie ? elements[index] : 0
                }
            }
        }
    }
}
