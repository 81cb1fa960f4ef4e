/// The dimensions of a tensor, outermost first; no dimensions for a scalar.
public struct Shape: Hashable, Sendable, CustomStringConvertible {
    public let dimensions: [Int]
    /// The product of the dimensions, which fits in `Int`.
    public let elementCount: Int

    /// Most dimensions that a tensor may have.
    public static let maximumRank = 8

    /// Nil when a dimension is negative, their product overflows, or there are more than `maximumRank`.
    public init?(_ dimensions: [Int]) {
        guard dimensions.count <= Shape.maximumRank else { return nil }
        var product = 1
        var largest = 1
        for dimension in dimensions {
            guard dimension >= 0 else { return nil }
            product = product.multipliedReportingOverflow(by: dimension).partialValue
            // The product without zeros is what has to fit: [0, 2⁶³] is no shape of anything.
            let (next, overflow) = largest.multipliedReportingOverflow(by: max(dimension, 1))
            guard !overflow else { return nil }
            largest = next
        }
        self.dimensions = dimensions
        elementCount = dimensions.contains(0) ? 0 : largest
    }

    /// A matrix shape. - Precondition: both not negative and their product fits.
    public init(rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0, "negative dimension")
        dimensions = [rows, columns]
        elementCount = rows * columns
    }

    /// A vector shape. - Precondition: not negative.
    public init(count: Int) {
        precondition(count >= 0, "negative dimension")
        dimensions = [count]
        elementCount = count
    }

    public var rank: Int { dimensions.count }

    /// Length of the last dimension, the contiguous one; 1 for a scalar.
    public var columns: Int { dimensions.last ?? 1 }

    /// Product of all dimensions but the last: how many rows the tensor has as a matrix.
    public var rows: Int { dimensions.dropLast().reduce(1, *) }

    public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
