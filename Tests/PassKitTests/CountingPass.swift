import ModelGraph
import PassKit

/// A pass with an option of each kind, which counts tensors and leaves them as they are.
struct CountingPass: Pass {
    static let name = "counting-pass"
    static let summary = "counts"

    enum Letter: String, CaseIterable, Sendable {
        case a, b
    }

    static let limit = IntegerOption("limit", in: 0...10, default: 5, "")
    static let share = OptionOrWord<NumberOption>("share", in: 0...1, or: "auto", "")
    static let on = FlagOption("on", default: false, "", requires: [.isWord(share)])
    static let letter = ChoiceOption<Letter>("letter", default: .a, "", [.b: [.isAboveZero(limit)]])
    static let words = SetOption<Letter>("words", default: .a, "")
    static let weight = NumberOption(
        "weight", in: 0...(.infinity), default: 1e-7, "", requires: [.equals(letter, .b), .contains(words, .b)])
    static let after = IntegerOption("after", in: 0...(.max), default: 1, "", requires: [.given(limit)])
    static let without = IntegerOption("without", in: 1...2, default: 1, "", requires: [.absent(limit)])
    static let options: [any PassOption] = [limit, share, on, letter, words, weight, after, without, TensorSelection.option]
    static let reads: PassReads = .parts
    static let leaves = PassResult.other

    let values: PassOptions

    init(_ options: PassOptions) throws { values = options }

    func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        report.measure("tensors", Double(min(graph.tensors.count, values[Self.limit])))
        return report
    }
}
