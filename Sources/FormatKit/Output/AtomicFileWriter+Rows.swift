import Execution
import CLibrary
import ModelGraph

extension AtomicFileWriter {
    /// Bytes of a mapped file that are copied at a time.
    private static let pieceBytes = 1 << 20

    /// Writes bytes; those that are yet to be made are made on the context's threads, a run of rows at a time, each of which goes to
    /// its place in the file as soon as it is there. The bytes do not depend on the number of threads.
    ///
    /// - Throws: `FormatError.writeFailed`; `Cancelled`; what the source throws.
    public func write(_ source: any ByteSource, _ context: ExecutionContext) throws {
        if let rows = source.rows { return try write(rows, context) }
        guard let mapped = source as? MappedBytes else { return try source.forEachPiece(atOnce: context.threads) { try write($0) } }
        let start = try reserve(mapped.byteCount)
        let pieces = stride(from: 0, to: mapped.byteCount, by: AtomicFileWriter.pieceBytes)
        // Copies by several threads would wait for each other: the file system lets one of them write to a file.
        for first in pieces {
            try context.cancellation.check()
            let piece = first..<min(first + AtomicFileWriter.pieceBytes, mapped.byteCount)
            mapped.willRead(piece)
            try mapped.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0[piece]), at: start + first) }
            mapped.didRead(piece)
        }
    }

    private func write(_ rows: RowSource, _ context: ExecutionContext) throws {
        let make = try rows.open()
        let runs = rows.runs
        let start = try reserve(rows.byteCount)
        // `write(_:at:)` may be called by several threads.
        nonisolated(unsafe) let file = self
        try context.parallelFor(runs.count) { index in
            let run = runs[index]
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: run.count * rows.bytesPerRow, alignment: 64)
            defer { bytes.deallocate() }
            try make(run, bytes)
            try file.write(UnsafeRawBufferPointer(bytes), at: start + run.lowerBound * rows.bytesPerRow)
        }
    }
}
