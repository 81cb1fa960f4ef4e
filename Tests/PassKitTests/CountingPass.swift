import ModelGraph
import PassKit

/// A pass with an option of each kind, which counts tensors and leaves them as they are.
struct CountingPass: Pass {
    static let name = "counting-pass"
    static let summary = "counts"
    static let options = [
        PassOption("limit", .integer(0...10), default: "5", ""),
        PassOption("share", .number(0...1, allowsAuto: true), default: "auto", ""),
        PassOption("on", .flag, default: "false", ""),
        PassOption("words", .set(["a", "b"]), default: "a", ""),
    ]

    let limit: Int

    init(_ options: PassOptions) throws { limit = options.integer("limit") }

    func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        report.measure("tensors", Double(min(graph.tensors.count, limit)))
        return report
    }
}
