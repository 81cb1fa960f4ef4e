import PassKit

/// Something that is done to one layer at a time to see what it does to the loss.
public struct AnalysisAlternative: Sendable, Equatable {
    /// What tables call it.
    public let name: String
    /// Passes that leave each layer for itself what it would become.
    public let pipeline: Pipeline

    /// - Throws: `PipelineError` for text that is no pipeline; `RequestError` without a name, or with the name of what is done anyway.
    public init(name: String, pipeline: String) throws {
        guard !name.isEmpty, name != AnalysisAlternative.removal else {
            throw RequestError(.usage, "an alternative has a name of its own, not '\(name)'")
        }
        self.name = name
        self.pipeline = try Pipeline(parsing: pipeline)
    }

    private init(_ name: String, _ pipeline: Pipeline) { (self.name, self.pipeline) = (name, pipeline) }

    /// The layer's matrix, or all of a block, put to zero.
    public static let removal = "removed"

    /// Rank and entries at a half and a quarter of the parameters, and codes of four and of two bits, each by what the layer is fed with.
    public static let usual: [AnalysisAlternative] =
        ["0.5", "0.25"].map { AnalysisAlternative("rank \($0)", invocation("truncated-svd", ("keep", $0))) }
        + ["0.5", "0.25"].map { AnalysisAlternative("entries \($0)", invocation("wanda", ("keep", $0))) }
        + ["4", "2"].map { bits in
            AnalysisAlternative("\(bits) bits", invocation("quantize", ("bits", bits), ("target", "dense"), ("coding", "fixed")))
        }

    private static func invocation(_ pass: String, _ settings: (String, String)...) -> Pipeline {
        Pipeline([PassInvocation(pass, settings.map { PassInvocation.Setting($0.0, $0.1) })])
    }
}
