import Execution

extension SingularTriplets {
    /// U · diag(σ) · Vᵀ, [m, n].
    public var product: Matrix { u.times(vTransposed.scalingRows(by: singularValues)) }

    /// The same, tiles of it side by side.
    public func product(_ execution: ExecutionContext) throws -> Matrix {
        try u.times(vTransposed.scalingRows(by: singularValues), on: execution)
    }
}
