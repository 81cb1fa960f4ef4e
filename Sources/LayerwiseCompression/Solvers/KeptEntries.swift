import Execution
import LinearAlgebra

/// How many entries of a sparse part stay, and which of them compete with each other.
public enum KeptEntries: Sendable {
    /// So many of the whole matrix.
    case count(Int)
    /// So many of each `size` consecutive entries of a row.
    case pattern(kept: Int, size: Int)

    /// Which entries are the largest in magnitude; of equal ones the first in row-major order.
    ///
    /// - Throws: `Cancelled`.
    public func support(of a: Matrix, _ execution: ExecutionContext) throws -> [Bool] {
        switch self {
        case .count(let count) where count <= 0: return [Bool](repeating: false, count: a.elements.count)
        case .count(let count) where count >= a.elements.count: return [Bool](repeating: true, count: a.elements.count)
        case .count(let count):
            return try a.elements.withUnsafeBufferPointer { elements in
                guard let first = elements.baseAddress else { return [] }
                let large = try LargestMagnitudes(count, of: first, columns: a.columns, RowTiles(rows: a.rows), execution)
                var ties = large.tiesKept
                return elements.map { value in
                    guard LargestMagnitudes.isLarge(value, large.threshold) else { return false }
                    if abs(value).bitPattern > large.threshold { return true }
                    ties -= 1
                    return ties >= 0
                }
            }
        case .pattern(let kept, let size):
            var support = [Bool](repeating: false, count: a.elements.count)
            for row in 0..<a.rows {
                for start in stride(from: 0, to: a.columns, by: size) {
                    let group = row * a.columns + start..<row * a.columns + min(start + size, a.columns)
                    let order = group.sorted { (abs(a.elements[$0]), $1) > (abs(a.elements[$1]), $0) }
                    for place in order.prefix(min(kept, group.count / 2)) { support[place] = true }
                }
            }
            return support
        }
    }
}
