import CKernels

/// A part of a weight whose rows are had apart from each other: the weight is the sum of its parts.
protocol RowTerm: AnyObject {
    /// Floats of what `prepare` makes of the inputs of so many tokens; 0 where the inputs are read as they are.
    func preparedCount(tokens: Int) -> Int
    /// Makes of inputs [tokens, in] what `add` reads.
    func prepare(_ input: UnsafePointer<Float>, tokens: Int, into prepared: UnsafeMutablePointer<Float>)
    /// output[tokens, stride] += the product of the inputs with some rows. Several threads may call it at once, for rows of their own.
    ///
    /// - Parameters:
    ///   - rows: begin at a multiple of `RowBlock.rows`, and end at one or at the last row.
    ///   - input: what `prepare` made, or the inputs.
    func add(_ rows: Range<Int>, of input: UnsafePointer<Float>, tokens: Int, to output: UnsafeMutablePointer<Float>, stride: Int)
    /// out[in] += one row.
    func addRow(_ row: Int, to out: UnsafeMutablePointer<Float>)
}

extension RowTerm {
    func preparedCount(tokens: Int) -> Int { 0 }
    func prepare(_ input: UnsafePointer<Float>, tokens: Int, into prepared: UnsafeMutablePointer<Float>) {}
}

/// Rows that are stored, and shared out among threads, together.
enum RowBlock {
    static let rows = Int(CAPLET_PACKED_ROWS)

    static func count(_ rows: Int) -> Int { rows / Self.rows + (rows % Self.rows == 0 ? 0 : 1) }

    /// The blocks that a range of rows is made of.
    static func blocks(_ rows: Range<Int>) -> Range<Int> { rows.lowerBound / Self.rows..<count(rows.upperBound) }
}
