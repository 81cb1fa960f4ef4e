/// A matrix [m, n] as the product of U [m, r] and V [r, n].
public struct LowRankTensor: Sendable {
    public let u: Payload
    public let v: Payload

    /// - Throws: `GraphError.inconsistent` unless both are matrices with one inner dimension.
    public init(u: Payload, v: Payload) throws {
        self.u = u
        self.v = v
        try checkInvariants()
    }

    public var rank: Int { u.shape.columns }
    public var shape: Shape { Shape(rows: u.shape.rows, columns: v.shape.columns) }

    public func checkInvariants() throws {
        guard u.shape.rank == 2, v.shape.rank == 2, u.shape.columns == v.shape.rows else {
            throw GraphError.inconsistent("lowRank", "U \(u.shape) and V \(v.shape) have no common rank")
        }
        let (_, overflow) = u.shape.rows.multipliedReportingOverflow(by: v.shape.columns)
        guard !overflow else { throw GraphError.inconsistent("lowRank", "U \(u.shape) and V \(v.shape) are too large a product") }
        try u.checkInvariants()
        try v.checkInvariants()
    }
}
