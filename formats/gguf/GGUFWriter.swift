import Execution
import FormatKit
import ModelGraph

/// Writes a layout: encoded tensors a few runs of rows at a time on all threads, others one at a time.
struct GGUFWriter {
    private let layout: GGUFLayout
    private let context: ExecutionContext

    init(_ layout: GGUFLayout, _ context: ExecutionContext) {
        self.layout = layout
        self.context = context
    }

    /// - Throws: `FormatError.refused`, `.writeFailed`; `Cancelled`; what a tensor's storage throws. Nothing is left then.
    func write(to path: String, force: Bool) throws {
        context.progress.begin("writing", total: layout.tensors.count, unit: "tensors")
        defer { context.progress.end() }
        let file = try AtomicFileWriter(path: path, force: force)
        try file.write(layout.header)
        for tensor in layout.tensors {
            try context.cancellation.check()
            try file.write(tensor.bytes, context)
            try file.pad(to: layout.alignment)
            context.progress.advance(by: 1, remark: tensor.name)
        }
        try file.commit()
    }
}
