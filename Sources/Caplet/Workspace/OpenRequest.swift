import Models

/// Opens a model in whatever format it is.
public struct OpenRequest: Request {
    /// A file or a folder.
    public var model: String
    /// The name of its format; nil to look at it.
    public var format: String?

    /// A request with what has no default.
    public init(model: String, format: String? = nil) {
        self.model = model
        self.format = format
    }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> Model { try context.open(model, from: format).model }
}
