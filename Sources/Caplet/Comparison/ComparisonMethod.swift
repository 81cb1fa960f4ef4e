import PassKit

/// A way to compress under a budget: a name, and pipeline text in which KEEP stands for the share of the parameters to keep, or BUDGET for the
/// bytes of the file.
public struct ComparisonMethod: Equatable, Sendable {
    /// What a budget is.
    public enum Unit: Sendable {
        /// A share of the linear layers' parameters.
        case share
        /// Bytes of the file.
        case bytes

        fileprivate var word: String { self == .share ? "KEEP" : "BUDGET" }
    }

    /// Small letters, digits and hyphens.
    public let name: String
    /// Pipeline text with KEEP or BUDGET in it; empty for llama.cpp's types, of which the largest is taken that the budget is enough for.
    public let template: String
    /// What its budgets are.
    public let unit: Unit
    /// The format whose bytes count.
    let formatName: String

    /// - Throws: `RequestError` for a name that is none or taken, and for a pipeline with neither KEEP nor BUDGET.
    public init(name: String, pipeline template: String) throws {
        func refused(_ reason: String) -> RequestError { RequestError(.usage, "method '\(name)': \(reason)") }
        let isPlain = name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "-")
        }
        guard !name.isEmpty, name.utf8.count <= 64, isPlain else { throw refused("is no name; small letters, digits and '-' are") }
        let known = ComparisonMethod.builtIn + ComparisonMethod.builtInBytes
        guard name != ComparisonMethod.dense, !known.contains(where: { $0.name == name }) else {
            throw refused("is a name that is taken")
        }
        let hasBytes = template.contains(Unit.bytes.word)
        guard hasBytes || template.contains(Unit.share.word) else {
            throw refused(
                "the pipeline has no KEEP for the budget, as in wanda{keep=KEEP}, nor BUDGET for bytes, as in quantize{size=BUDGET}")
        }
        self.init(name: name, template: template, unit: hasBytes ? .bytes : .share)
    }

    private init(name: String, template: String, unit: Unit = .share, formatName: String = "caplet") {
        (self.name, self.template, self.unit, self.formatName) = (name, template, unit, formatName)
    }

    /// A method that is known by name.
    ///
    /// - Throws: `RequestError` with the nearest name.
    public static func named(_ name: String, unit: Unit = .share) throws -> ComparisonMethod {
        let known = all(unit)
        if let method = known.first(where: { $0.name == name }) { return method }
        let hint = Spelling.nearest(to: name, among: known.map(\.name))
        throw RequestError(.usage, "unknown method '\(name)'" + Spelling.question(hint))
    }

    /// The methods that are known by name, for a kind of budgets.
    public static func all(_ unit: Unit) -> [ComparisonMethod] { unit == .share ? builtIn : builtInBytes }

    /// Those whose budgets are bytes of the file.
    public static let builtInBytes = [
        ComparisonMethod(name: own, template: DefaultPipeline.bytesTemplate, unit: .bytes),
        ComparisonMethod(name: "caplet-gguf", template: DefaultPipeline.blocksText(size: "BUDGET"), unit: .bytes, formatName: "gguf"),
        ComparisonMethod(name: "llama-types", template: "", unit: .bytes, formatName: "gguf"),
    ]

    /// Those whose budgets are shares of the linear layers' parameters.
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
    func pipeline(_ budget: Double) throws -> Pipeline {
        if template.isEmpty { return Pipeline([]) }
        let number = unit == .share ? "\(budget)" : "\(Int(budget))"
        return try explaining {
            try Pipeline(parsing: template.split(separator: unit.word, omittingEmptySubsequences: false).joined(separator: number))
        }
    }

    /// The passes of that pipeline; nil for llama.cpp's types, which are no passes.
    func manager(_ budget: Double, _ catalog: PassCatalog) throws -> PassManager? {
        if template.isEmpty { return nil }
        return try explaining {
            let manager = try PassManager(pipeline(budget), catalog: catalog)
            try manager.refuseTeachers("a comparison reads no other model")
            return manager
        }
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
