import Execution
import FormatKit
import ModelGraph

/// Writes a layout, each tensor a few runs of rows at a time.
struct SafetensorsWriter {
    private let layout: SafetensorsLayout
    private let context: ExecutionContext

    init(_ layout: SafetensorsLayout, _ context: ExecutionContext) {
        self.layout = layout
        self.context = context
    }

    /// - Throws: `FormatError.refused`, `.writeFailed`; `Cancelled`; what a tensor's storage throws. Nothing is left then.
    func write(to path: String, force: Bool) throws -> PreparedWrite {
        context.progress.begin("writing", total: layout.shards.reduce(0) { $0 + $1.tensors.count }, unit: "tensors")
        defer { context.progress.end() }
        if !layout.isFolder {
            let file = try AtomicFileWriter(path: path, force: force)
            for shard in layout.shards { try write(shard, file) }
            return try file.prepared(layout.plan)
        }
        let folder = try AtomicFolderWriter(path: path, force: force)
        for shard in layout.shards { try write(shard, folder.file(shard.name)) }
        for file in layout.files { try folder.write(file.bytes, as: file.name) }
        return try folder.prepared(layout.plan)
    }

    private func write(_ shard: SafetensorsLayout.Shard, _ file: AtomicFileWriter) throws {
        try file.write(shard.header)
        for tensor in shard.tensors {
            try context.cancellation.check()
            try file.write(tensor.dense.bytes, context)
            context.progress.advance(by: 1, remark: tensor.name)
        }
        try file.finish()
    }
}
