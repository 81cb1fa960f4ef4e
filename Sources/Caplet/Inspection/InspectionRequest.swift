import CapletFormat
import FormatKit
import Models

/// Says what a model is made of.
public struct InspectionRequest: Request {
    /// A file or a folder.
    public var model: String
    /// The model's format; nil to look at it.
    public var format: String?
    /// Whether digests are computed, which reads all of the model.
    public var withDigests = false

    /// A request with what has no default.
    public init(model: String) { self.model = model }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> Inspection {
        let (opened, format) = try context.open(model, from: format, needsFamily: false)
        let summary = try ModelSummary(model, opened, format, digests: withDigests ? ModelDigests(opened, context) : nil)
        return Inspection(summary: summary, model: opened)
    }
}

/// What a model is made of, and the model.
public struct Inspection: Sendable {
    /// What it is made of.
    public let summary: ModelSummary
    /// The model itself.
    public let model: Model
}

extension ModelDigests {
    init(_ model: Model, _ context: RequestContext) throws {
        tensors = try ContentDigest.ofTensors(model.graph, context.execution)
        self.model = ContentDigest.of(model.graph, tensors)
        sha256 = try CapletFormat.contentDigest(of: model.graph, context.execution).hexadecimal
    }
}
