/// A dense row-major matrix of `Float`, [rows, columns].
public struct Matrix: Sendable {
    public let rows: Int
    public let columns: Int
    /// Row-major, rows × columns elements.
    public var elements: [Float]

    /// - Precondition: `elements.count == rows * columns`.
    public init(rows: Int, columns: Int, elements: [Float]) {
        precondition(elements.count == rows * columns, "a \(rows) × \(columns) matrix needs \(rows * columns) elements")
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    public init(zeros rows: Int, _ columns: Int) {
        self.init(rows: rows, columns: columns, elements: [Float](repeating: 0, count: rows * columns))
    }

    /// A matrix whose elements `fill` writes, all of them.
    public init(rows: Int, columns: Int, filledBy fill: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
        let count = rows * columns
        let elements = try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            // Swift's Float needs no initialisation before assignment.
            try fill(UnsafeMutableBufferPointer(rebasing: buffer[0..<count]))
            initialized = count
        }
        self.init(rows: rows, columns: columns, elements: elements)
    }

    /// The elements, not shared with the matrix, which is used up.
    package consuming func takeElements() -> [Float] { elements }

    public subscript(row: Int, column: Int) -> Float {
        get { elements[row * columns + column] }
        set { elements[row * columns + column] = newValue }
    }

    /// The transpose, [columns, rows].
    public var transposed: Matrix {
        Matrix(rows: columns, columns: rows) { out in
            elements.withUnsafeBufferPointer { source in
                let tile = 32
                for rowStart in stride(from: 0, to: rows, by: tile) {
                    for columnStart in stride(from: 0, to: columns, by: tile) {
                        for row in rowStart..<min(rowStart + tile, rows) {
                            for column in columnStart..<min(columnStart + tile, columns) {
                                out[column * rows + row] = source[row * columns + column]
                            }
                        }
                    }
                }
            }
        }
    }

    /// Rows `range` as a matrix of their own.
    public func rows(_ range: Range<Int>) -> Matrix {
        Matrix(
            rows: range.count, columns: columns,
            elements: Array(elements[range.lowerBound * columns..<range.upperBound * columns]))
    }
}
