import Execution

/// The rows of a matrix in tiles of one height, so that results do not depend on how many threads work on them.
struct RowTiles {
    let rows: Int
    /// Rows of a tile: enough for products at full speed, few enough for every thread to have some.
    static let height = 64

    var count: Int { (rows + Self.height - 1) / Self.height }

    subscript(index: Int) -> Range<Int> { index * Self.height..<min((index + 1) * Self.height, rows) }
}
