import PassKit

/// A way to compress under a budget: a name, and pipeline text in which KEEP stands for the share to keep.
public struct ComparisonMethod: Equatable, Sendable {
    /// Small letters, digits and hyphens.
    public let name: String
    /// Pipeline text with KEEP in it.
    public let template: String

    /// - Throws: `RequestError` for a name that is none or taken, and for a pipeline without KEEP.
    public init(name: String, pipeline template: String) throws {
        func refused(_ reason: String) -> RequestError { RequestError(.usage, "method '\(name)': \(reason)") }
        let isPlain = name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "-")
        }
        guard !name.isEmpty, name.utf8.count <= 64, isPlain else { throw refused("is no name; small letters, digits and '-' are") }
        guard name != ComparisonMethod.dense, !ComparisonMethod.builtIn.contains(where: { $0.name == name }) else {
            throw refused("is a name that is taken")
        }
        guard template.contains("KEEP") else { throw refused("the pipeline has no KEEP for the budget, as in wanda{keep=KEEP}") }
        self.init(name: name, template: template)
    }

    private init(name: String, template: String) { (self.name, self.template) = (name, template) }

    /// A method that is known by name.
    ///
    /// - Throws: `RequestError` with the nearest name.
    public static func named(_ name: String) throws -> ComparisonMethod {
        if let method = builtIn.first(where: { $0.name == name }) { return method }
        let hint = Spelling.nearest(to: name, among: builtIn.map(\.name))
        throw RequestError(.usage, "unknown method '\(name)'" + Spelling.question(hint))
    }

    /// The methods that are known by name.
    public static let builtIn = [
        ComparisonMethod(name: "magnitude", template: "magnitude{keep=KEEP}"),
        ComparisonMethod(name: "magnitude-global", template: "magnitude{keep=KEEP scope=global}"),
        ComparisonMethod(name: "wanda", template: "wanda{keep=KEEP}"),
        ComparisonMethod(name: "wanda-owl", template: "wanda{keep=KEEP ratios=owl}"),
        ComparisonMethod(name: "sparsegpt", template: "sparsegpt{keep=KEEP}"),
        ComparisonMethod(name: "sparsegpt-owl", template: "sparsegpt{keep=KEEP ratios=owl}"),
        ComparisonMethod(name: "truncated-svd", template: "truncated-svd{keep=KEEP}"),
        ComparisonMethod(name: "oats", template: "oats{keep=KEEP}"),
        ComparisonMethod(name: "alps", template: "alps{keep=KEEP}"),
        ComparisonMethod(name: "alps-owl", template: "alps{keep=KEEP ratios=owl}"),
        ComparisonMethod(name: "alps-owl-match", template: "alps{keep=KEEP ratios=owl},match"),
        ComparisonMethod(name: "three-block-owl", template: "three-block{keep=KEEP ratios=owl}"),
        ComparisonMethod(name: "three-block-owl-match", template: "three-block{keep=KEEP ratios=owl},match"),
        ComparisonMethod(name: "three-block-owl-match-refit", template: "three-block{keep=KEEP ratios=owl},match,refit"),
        ComparisonMethod(name: "cap-published", template: "rpca,cap{keep=KEEP}"),
        ComparisonMethod(name: own, template: DefaultPipeline.text(keep: "KEEP")),
    ]

    /// The method that the others are compared with.
    package static let own = "caplet"
    /// The name of the model as it is, beside the methods.
    package static let dense = "dense"

    /// The pipeline for one budget, with the placeholder filled in.
    ///
    /// - Throws: `RequestError` with the method's name for text that is no pipeline.
    func pipeline(keep: Double) throws -> Pipeline {
        try explaining {
            try Pipeline(parsing: template.split(separator: "KEEP", omittingEmptySubsequences: false).joined(separator: "\(keep)"))
        }
    }

    /// The passes of that pipeline.
    func manager(keep: Double, _ catalog: PassCatalog) throws -> PassManager {
        try explaining { try PassManager(pipeline(keep: keep), catalog: catalog) }
    }

    private func explaining<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as PipelineError {
            throw RequestError(FailureKind(error), "method '\(name)': \(error.message)")
        } catch let error as PassError {
            throw RequestError(FailureKind(error), "method '\(name)': \(error)")
        }
    }
}
