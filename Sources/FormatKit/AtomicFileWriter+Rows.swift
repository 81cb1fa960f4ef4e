import Execution
import ModelGraph

extension AtomicFileWriter {
    /// Writes bytes; rows that are yet to be made are made on the context's threads, a few runs at a time. The bytes do not
    /// depend on the number of threads.
    ///
    /// - Throws: `FormatError.writeFailed`; `Cancelled`; what the source throws.
    public func write(_ source: any ByteSource, _ context: ExecutionContext) throws {
        guard let rows = source as? RowSource else { return try write(source) }
        let make = try rows.open()
        let runs = rows.runs
        let width = context.threads * 2
        for first in stride(from: 0, to: runs.count, by: width) {
            let made = try context.parallelMap(min(width, runs.count - first)) { index in
                let run = runs[first + index]
                return try OwnedBytes(byteCount: run.count * rows.bytesPerRow) { try make(run, $0) }
            }
            for bytes in made { try write(bytes) }
        }
    }
}
