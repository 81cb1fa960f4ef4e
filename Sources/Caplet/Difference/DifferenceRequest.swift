/// Compares two models tensor by tensor, whatever their formats.
public struct DifferenceRequest: Request {
    /// Files or folders; errors are relative to the first.
    public var first: String
    /// The other model.
    public var second: String
    /// The format of both; nil to look at them.
    public var format: String?

    /// A request with what has no default.
    public init(first: String, second: String) {
        self.first = first
        self.second = second
    }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> ModelDifference {
        let a = try context.open(first, from: format, needsFamily: false).model.graph
        let b = try context.open(second, from: format, needsFamily: false).model.graph
        return try ModelDifference(a, b, context.execution)
    }
}
