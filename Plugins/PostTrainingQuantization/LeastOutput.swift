import Execution
import ModelGraph
import PassKit

/// The smallest output that a pass could leave: every part that it codes with codes that are all 0, and one scale for all rows.
struct LeastOutput {
    /// The graph with such codes.
    let graph: TensorGraph
    /// Bytes of parts that are not coded, and of files.
    private let otherByteCount: Int
    private let codedValueCount: Int

    /// Bytes that a manifest of other numbers may be shorter by.
    private static let slack = 1 << 10
    /// What made the output, which is not known here, takes no more.
    private static let mostProvenance = 1 << 20

    init(_ pass: QuantizePass, of graph: TensorGraph) throws {
        var (least, coded, bytes) = (graph, 0, 0)
        for tensor in try pass.selection.split(graph, pass: QuantizePass.name).selected {
            let payload = try CodedParts(target: pass.target, name: tensor.name, execution: ExecutionContext(threads: 1)).rebuild(
                tensor.payload
            ) { part in
                coded += part.shape.elementCount
                bytes += part.byteCount
                return try LeastOutput.codes(part.shape)
            }
            try least.setPayload(payload, of: tensor.name)
        }
        self.graph = least
        codedValueCount = coded
        otherByteCount = graph.byteCount - bytes + graph.attachments.reduce(0) { $0 + $1.bytes.count }
    }

    private static func codes(_ shape: Shape) throws -> Payload {
        let rows = shape.elementCount == 0 ? 0 : shape.rows
        let scales = try DenseTensor(dtype: .bf16, shape: Shape(count: rows), bytes: zeroBytes(rows * DType.bf16.byteWidth))
        return .quantized(
            try QuantizedTensor(
                shape: shape, bits: 2, groupSize: max(shape.columns, 1), codes: zeroBytes(shape.elementCount), scales: scales,
                zeroPoints: nil))
    }

    private static func zeroBytes(_ count: Int) -> any ByteSource {
        DeferredBytes(byteCount: count) { OwnedBytes(byteCount: count) { $0.initializeMemory(as: UInt8.self, repeating: 0) } }
    }

    /// - Throws: `PassError` when no output of `size` bytes, or a little less, can come of it.
    func check(size: Int, _ output: OutputSize) throws {
        func refuse(_ reason: String) -> PassError { PassError(.usage, pass: QuantizePass.name, "size=\(size) cannot be met: \(reason)") }
        if output.dependsOnValues {
            // A bit a value and the rest as it is are hardly ever too much; what a file really takes is looked at below that.
            let (plenty, overflow) = otherByteCount.addingReportingOverflow(codedValueCount / 8)
            if !overflow, size > plenty { return }
            let least = try output.byteCount(graph)
            let sure = least - least / 200 - LeastOutput.slack
            guard size >= sure else { throw refuse("the file has more than \(sure) bytes, however few its values take") }
        } else {
            let count = try output.byteCount(graph)
            guard size >= count else {
                throw refuse("a file of this format has more than \(count) bytes, whatever its values are coded as")
            }
            guard size - size / 200 <= count + LeastOutput.mostProvenance else {
                throw refuse(
                    "a file of this format has about \(count) bytes, whatever its values are coded as; the caplet format has fewer for fewer bits"
                )
            }
        }
    }
}
