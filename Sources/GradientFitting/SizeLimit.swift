import ModelGraph
import PassKit

/// The largest size of the file that values which have moved may lead to.
public struct SizeLimit: Sendable {
    /// Of a pass.
    public static let option = OptionOrWord<IntegerOption>(
        "size", in: 1...Int.max, or: "none",
        "the largest size in bytes of the whole file: where moved values would make it larger they stay as they were")

    /// Nil for any.
    private let size: Int?

    public init(_ options: PassOptions) { size = options[Self.option] }

    /// - Throws: `PassError` where a size is asked for and that of the output is not known beforehand.
    public func check(pass: String, _ context: PassContext) throws {
        if size != nil, context.outputByteCount == nil {
            throw PassError(.usage, pass: pass, "size= goes with an output whose size is known beforehand")
        }
    }

    /// Takes the results into the graph where the file stays within its size; else says so.
    public func take(
        _ results: [(Payload, TensorReport)], into graph: inout TensorGraph, pass: String, _ context: PassContext,
        _ report: inout PassReport
    ) throws {
        var moved = graph
        for (payload, entry) in results { try moved.setPayload(payload, of: entry.name) }
        if let size, let byteCount = try context.outputByteCount?(moved), byteCount > size {
            report.warn("\(pass): the file would have \(byteCount) bytes, more than size=\(size): values stay as they were")
            return
        }
        graph = moved
        report.tensors = results.map(\.1)
    }
}
