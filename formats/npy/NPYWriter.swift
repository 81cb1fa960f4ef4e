import Execution
import FormatKit
import ModelGraph
import ZipContainer

/// Writes a layout, one tensor in memory at a time.
struct NPYWriter {
    private let layout: NPYLayout
    private let context: ExecutionContext

    init(_ layout: NPYLayout, _ context: ExecutionContext) {
        self.layout = layout
        self.context = context
    }

    /// - Throws: `FormatError.refused`, `.writeFailed`; `Cancelled`; what a tensor's storage throws. Nothing is left then.
    func write(to path: String, force: Bool) throws -> PreparedWrite {
        context.progress.begin("writing", total: layout.entries.count, unit: "tensors")
        defer { context.progress.end() }
        switch layout.container {
        case .array:
            let file = try AtomicFileWriter(path: path, force: force)
            try writeFiles { _ in file }
            return try file.prepared(layout.plan)
        case .folder:
            let folder = try AtomicFolderWriter(path: path, force: force)
            try writeFiles { try folder.file($0) }
            return try folder.prepared(layout.plan)
        case .archive:
            let file = try AtomicFileWriter(path: path, force: force)
            try writeArchive(file)
            return try file.prepared(layout.plan)
        }
    }

    private func writeFiles(_ open: (String) throws -> AtomicFileWriter) throws {
        for entry in layout.entries {
            try context.cancellation.check()
            let file = try open(entry.name)
            try file.write(entry.head)
            if let data = entry.data { try file.write(data.bytes, context) }
            try file.finish()
            context.progress.advance(by: 1, remark: entry.name)
        }
    }

    private func writeArchive(_ file: AtomicFileWriter) throws {
        let zip = ZipLayout(layout.entries.map { ($0.name, $0.byteCount) })
        var checksums: [UInt32] = []
        for (index, entry) in layout.entries.enumerated() {
            try context.cancellation.check()
            var checksum = entry.head.withUnsafeBytes { ZipChecksum.of($0) }
            // A deferred tensor is made once, and its checksum goes before it.
            func write(_ data: UnsafeRawBufferPointer) throws {
                checksum = ZipChecksum.of(data, after: checksum)
                try file.write(zip.localHeader(index, checksum: checksum))
                try file.write(entry.head)
                try file.write(data)
            }
            if let data = entry.data {
                try data.bytes.withUnsafeBytes(write)
            } else {
                try write(UnsafeRawBufferPointer(start: nil, count: 0))
            }
            checksums.append(checksum)
            context.progress.advance(by: 1, remark: entry.name)
        }
        try file.write(zip.directory(checksums: checksums))
    }
}
