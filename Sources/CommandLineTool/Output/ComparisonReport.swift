/// What `diff` prints.
struct ComparisonReport {
    let comparison: ModelComparison
    let tolerance: Double?

    private static func text(_ outcome: TensorComparison.Outcome) -> String {
        switch outcome {
        case .equal: return "equal"
        case .otherDType: return "other dtype"
        case .otherShape: return "other shape"
        case .otherValues: return "other values"
        case .otherBytes: return "other bytes"
        }
    }

    /// - Parameter all: list the tensors that are the same too.
    func print(all: Bool, _ session: Session) {
        let differing = comparison.differing(tolerance: tolerance)
        let listed = all ? comparison.tensors : differing
        if !listed.isEmpty {
            var table = TextTable(header: ["tensor", "first", "second", "", "max abs", "relative"], rightAligned: [4, 5])
            for tensor in listed {
                let hasNumbers = tensor.outcome == .equal || tensor.outcome == .otherValues
                table.add([
                    tensor.name, tensor.left, tensor.right, ComparisonReport.text(tensor.outcome),
                    hasNumbers ? NumberText.significant(tensor.largest) : "",
                    hasNumbers ? NumberText.significant(tensor.relativeFrobeniusError) : "",
                ])
            }
            table.lines.forEach(session.print)
            session.print("")
        }
        for name in comparison.onlyInFirst { session.print("only in the first: tensor '\(name)'") }
        for name in comparison.onlyInSecond { session.print("only in the second: tensor '\(name)'") }
        for name in comparison.differentFiles { session.print("other bytes: file '\(name)'") }
        if !comparison.filesInFirst.isEmpty { session.print("files only in the first: \(comparison.filesInFirst.joined(separator: ", "))") }
        if !comparison.filesInSecond.isEmpty {
            session.print("files only in the second: \(comparison.filesInSecond.joined(separator: ", "))")
        }
        session.print(summary(differing.count))
    }

    private func summary(_ differing: Int) -> String {
        let total = comparison.tensors.count
        let same = tolerance.map { "within a relative error of \(NumberText.significant($0))" } ?? "equal"
        var parts = ["\(total - differing) of \(total) common tensors \(same)"]
        let lonely = comparison.onlyInFirst.count + comparison.onlyInSecond.count
        if lonely > 0 { parts.append("\(lonely) in one model only") }
        if comparison.largest > 0 {
            parts.append("max abs \(NumberText.significant(comparison.largest))")
            parts.append("relative Frobenius error \(NumberText.significant(comparison.relativeFrobeniusError))")
        }
        return parts.joined(separator: ", ")
    }

    var json: some Encodable { ComparisonDocument(comparison, tolerance: tolerance) }
}

/// The document of `diff --json`.
private struct ComparisonDocument: Encodable {
    struct Entry: Encodable {
        let name: String
        let outcome: String
        let first: String
        let second: String
        let maxAbs: Double
        let relativeFrobeniusError: Double
    }

    let same: Bool
    let tolerance: Double?
    let maxAbs: Double
    let relativeFrobeniusError: Double
    let tensors: [Entry]
    let onlyInFirst: [String]
    let onlyInSecond: [String]
    let differentFiles: [String]
    let filesOnlyInFirst: [String]
    let filesOnlyInSecond: [String]

    init(_ comparison: ModelComparison, tolerance: Double?) {
        same = comparison.isSame(tolerance: tolerance)
        self.tolerance = tolerance
        maxAbs = comparison.largest
        relativeFrobeniusError = comparison.relativeFrobeniusError
        tensors = comparison.tensors.map {
            Entry(
                name: $0.name, outcome: "\($0.outcome)", first: $0.left, second: $0.right, maxAbs: $0.largest,
                relativeFrobeniusError: $0.relativeFrobeniusError)
        }
        onlyInFirst = comparison.onlyInFirst
        onlyInSecond = comparison.onlyInSecond
        differentFiles = comparison.differentFiles
        filesOnlyInFirst = comparison.filesInFirst
        filesOnlyInSecond = comparison.filesInSecond
    }
}
