import Caplet

/// What `diff` prints.
struct DifferenceReport {
    let difference: ModelDifference
    let tolerance: Double?

    private static func text(_ outcome: TensorDifference.Outcome) -> String {
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
        let differing = difference.differing(tolerance: tolerance)
        let listed = all ? difference.tensors : differing
        if !listed.isEmpty {
            var table = TextTable(header: ["tensor", "first", "second", "", "max abs", "relative"], rightAligned: [4, 5])
            for tensor in listed {
                let hasNumbers = tensor.outcome == .equal || tensor.outcome == .otherValues
                table.add([
                    tensor.name, tensor.left, tensor.right, DifferenceReport.text(tensor.outcome),
                    hasNumbers ? NumberText.significant(tensor.largest) : "",
                    hasNumbers ? NumberText.significant(tensor.relativeFrobeniusError) : "",
                ])
            }
            table.lines.forEach(session.print)
            session.print("")
        }
        for name in difference.onlyInFirst { session.print("only in the first: tensor '\(name)'") }
        for name in difference.onlyInSecond { session.print("only in the second: tensor '\(name)'") }
        for name in difference.differentFiles { session.print("other bytes: file '\(name)'") }
        if !difference.filesInFirst.isEmpty { session.print("files only in the first: \(difference.filesInFirst.joined(separator: ", "))") }
        if !difference.filesInSecond.isEmpty {
            session.print("files only in the second: \(difference.filesInSecond.joined(separator: ", "))")
        }
        session.print(summary(differing.count))
    }

    private func summary(_ differing: Int) -> String {
        let total = difference.tensors.count
        let same = tolerance.map { "within a relative error of \(NumberText.significant($0))" } ?? "equal"
        var parts = ["\(total - differing) of \(total) common tensors \(same)"]
        let lonely = difference.onlyInFirst.count + difference.onlyInSecond.count
        if lonely > 0 { parts.append("\(lonely) in one model only") }
        if difference.largest > 0 {
            parts.append("max abs \(NumberText.significant(difference.largest))")
            parts.append("relative Frobenius error \(NumberText.significant(difference.relativeFrobeniusError))")
        }
        return parts.joined(separator: ", ")
    }

    var json: some Encodable { DifferenceDocument(difference, tolerance: tolerance) }
}

/// The document of `diff --json`.
private struct DifferenceDocument: Encodable {
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

    init(_ difference: ModelDifference, tolerance: Double?) {
        same = difference.isSame(tolerance: tolerance)
        self.tolerance = tolerance
        maxAbs = difference.largest
        relativeFrobeniusError = difference.relativeFrobeniusError
        tensors = difference.tensors.map {
            Entry(
                name: $0.name, outcome: "\($0.outcome)", first: $0.left, second: $0.right, maxAbs: $0.largest,
                relativeFrobeniusError: $0.relativeFrobeniusError)
        }
        onlyInFirst = difference.onlyInFirst
        onlyInSecond = difference.onlyInSecond
        differentFiles = difference.differentFiles
        filesOnlyInFirst = difference.filesInFirst
        filesOnlyInSecond = difference.filesInSecond
    }
}
