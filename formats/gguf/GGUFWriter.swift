import Execution
import FormatKit
import ModelGraph

/// Writes a layout: tensors one after the other, what is to be made a few runs of rows at a time on all threads.
struct GGUFWriter {
    private let layout: GGUFLayout
    private let context: ExecutionContext

    init(_ layout: GGUFLayout, _ context: ExecutionContext) {
        self.layout = layout
        self.context = context
    }

    /// - Parameter path: of the output, as the user gave it.
    /// - Throws: `FormatError.refused`, `.writeFailed`; `Cancelled`; what a tensor's storage throws. Nothing is left then.
    func write(_ path: String, force: Bool) throws -> PreparedWrite {
        context.progress.begin("writing", total: layout.parts.reduce(0) { $0 + $1.tensors.count }, unit: "tensors")
        defer { context.progress.end() }
        let files = try AtomicFileSet(path, paths: layout.parts.map(\.path), force: force)
        for part in layout.parts {
            let file = try files.next()
            try file.write(part.header)
            for tensor in part.tensors {
                try context.cancellation.check()
                try file.write(tensor.bytes, context)
                try file.pad(to: layout.alignment)
                context.progress.advance(by: 1, remark: tensor.name)
            }
            try file.finish()
        }
        return files.prepared(layout.plan)
    }
}
