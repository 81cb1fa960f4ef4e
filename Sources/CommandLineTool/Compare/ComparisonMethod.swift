import PassKit

/// A way to compress under a budget: a name, and pipeline text in which KEEP stands for the share to keep.
struct ComparisonMethod: Equatable {
    let name: String
    let template: String

    /// The methods that `compare` knows by name.
    static let builtIn = [
        ComparisonMethod(name: "magnitude", template: "magnitude{keep=KEEP}"),
        ComparisonMethod(name: "magnitude-global", template: "magnitude{keep=KEEP scope=global}"),
        ComparisonMethod(name: "wanda", template: "wanda{keep=KEEP}"),
        ComparisonMethod(name: "wanda-owl", template: "wanda{keep=KEEP ratios=owl}"),
        ComparisonMethod(name: "sparsegpt", template: "sparsegpt{keep=KEEP}"),
        ComparisonMethod(name: "sparsegpt-owl", template: "sparsegpt{keep=KEEP ratios=owl}"),
        ComparisonMethod(name: "truncated-svd", template: "truncated-svd{keep=KEEP}"),
        ComparisonMethod(name: "oats", template: "oats{keep=KEEP}"),
        ComparisonMethod(name: "cap-published", template: "rpca,cap{keep=KEEP}"),
        ComparisonMethod(name: own, template: DefaultPipeline.text(keep: "KEEP")),
    ]

    /// The method that the others are compared with.
    static let own = "caplet"
    /// The name of the model as it is, beside the methods.
    static let dense = "dense"

    /// The pipeline for one budget, with the placeholder filled in.
    ///
    /// - Throws: `CommandError` with the method's name for text that is no pipeline.
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
            throw CommandError(ExitStatus(error), "--methods \(name): \(error.message)")
        } catch let error as PassError {
            throw CommandError(ExitStatus(error), "--methods \(name): \(error)")
        }
    }
}

extension ComparisonMethod {
    /// Methods from the values of --methods: names apart by commas, and last in a value perhaps NAME=PIPELINE. All that are built
    /// in for no value.
    ///
    /// - Throws: `CommandError` for a name that is unknown or given twice, and for a pipeline without KEEP.
    static func parse(_ values: [String]) throws -> [ComparisonMethod] {
        if values.isEmpty { return builtIn }
        var methods: [ComparisonMethod] = []
        for value in values {
            var rest = value[...]
            while !rest.isEmpty {
                let end = rest.firstIndex { $0 == "," || $0 == "=" } ?? rest.endIndex
                let name = rest[..<end].trimmed
                if end < rest.endIndex, rest[end] == "=" {
                    methods.append(try custom(name, rest[rest.index(after: end)...].trimmed))
                    break
                }
                methods.append(try known(name))
                rest = end < rest.endIndex ? rest[rest.index(after: end)...] : ""
            }
        }
        for (index, method) in methods.enumerated() where methods[..<index].contains(where: { $0.name == method.name }) {
            throw CommandError(.usage, "--methods: '\(method.name)' is given twice")
        }
        guard !methods.isEmpty else { throw CommandError(.usage, "--methods names no method") }
        return methods
    }

    private static func known(_ name: String) throws -> ComparisonMethod {
        if let method = builtIn.first(where: { $0.name == name }) { return method }
        let hint = Spelling.nearest(to: name, among: builtIn.map(\.name))
        throw CommandError(.usage, "--methods: unknown method '\(name)'" + Spelling.question(hint))
    }

    private static func custom(_ name: String, _ template: String) throws -> ComparisonMethod {
        let isPlain = name.utf8.allSatisfy {
            ("a"..."z").contains(Character(Unicode.Scalar($0))) || ("0"..."9").contains(Character(Unicode.Scalar($0)))
                || $0 == UInt8(ascii: "-")
        }
        guard !name.isEmpty, name.utf8.count <= 64, isPlain else {
            throw CommandError(.usage, "--methods: '\(name)' is no name; small letters, digits and '-' are")
        }
        guard name != dense, !builtIn.contains(where: { $0.name == name }) else {
            throw CommandError(.usage, "--methods: '\(name)' is a name that is taken")
        }
        guard template.contains("KEEP") else {
            throw CommandError(.usage, "--methods \(name): the pipeline has no KEEP for the budget, as in wanda{keep=KEEP}")
        }
        return ComparisonMethod(name: name, template: template)
    }
}

extension Substring {
    fileprivate var trimmed: String { String(self.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()) }
}
