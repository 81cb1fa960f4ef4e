/// Something to be done with models: a value, carried out by `Workspace.perform` or `Workspace.run`.
public protocol Request: Sendable {
    associatedtype Output: Sendable

    /// Does the work; called by a workspace.
    func perform(in context: RequestContext) throws -> Output
}

/// How a request meets what is doubtful.
public struct RequestOptions: Sendable {
    /// Whether links in a model's folder that lead out of it are what is wanted; otherwise they are a warning.
    public var followsLinks = false
    /// Whether warnings are failures: nothing is written then.
    public var refusesWarnings = false

    /// Everything as it is where nothing is said.
    public init() {}
}
