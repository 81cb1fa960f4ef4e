import Caplet

/// Methods on the command line.
enum MethodList {
    /// Methods from the values of --methods: names apart by commas, and last in a value perhaps NAME=PIPELINE. All that are built
    /// in for no value.
    ///
    /// - Throws: `UsageError` for no method at all; `RequestError` for a name that is unknown, and for a pipeline without KEEP or BUDGET.
    static func parse(_ values: [String], unit: ComparisonMethod.Unit) throws -> [ComparisonMethod] {
        if values.isEmpty { return ComparisonMethod.all(unit) }
        var methods: [ComparisonMethod] = []
        for value in values {
            var rest = value[...]
            while !rest.isEmpty {
                let end = rest.firstIndex { $0 == "," || $0 == "=" } ?? rest.endIndex
                let name = rest[..<end].trimmed
                if end < rest.endIndex, rest[end] == "=" {
                    methods.append(try ComparisonMethod(name: name, pipeline: rest[rest.index(after: end)...].trimmed))
                    break
                }
                methods.append(try ComparisonMethod.named(name, unit: unit))
                rest = end < rest.endIndex ? rest[rest.index(after: end)...] : ""
            }
        }
        guard !methods.isEmpty else { throw UsageError("--methods names no method") }
        return methods
    }
}

extension Substring {
    fileprivate var trimmed: String { String(self.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()) }
}
