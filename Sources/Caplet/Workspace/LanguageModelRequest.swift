import CapletRuntime

/// Opens a model in whatever format it is, ready to generate text. Nothing of it stays beside what the weights lie in and the tokenizer.
public struct LanguageModelRequest: Request {
    /// A file or a folder.
    public var model: String
    /// The name of its format; nil to look at it.
    public var format: String?

    public init(model: String, format: String? = nil) {
        self.model = model
        self.format = format
    }

    public func perform(in context: RequestContext) throws -> LanguageModel {
        try context.naming(model) { try LanguageModel(context.open(model, from: format).model, threads: context.workspace.threads) }
    }
}
