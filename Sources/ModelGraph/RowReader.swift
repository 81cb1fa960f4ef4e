/// Runs of equal rows of a source, one run at a time: those that lie in memory or in a file as they are, others made for the call.
///
/// Several threads may read at once.
public struct RowReader: Sendable {
    private enum Rows {
        case resident(any ByteSource)
        case made(RowSource.Maker)
        case windowed(PieceWindow)
    }

    public let bytesPerRow: Int
    private let rows: Rows

    /// Runs of fewer bytes leave the mapping of their pages to the processor's faults.
    private static let leastAdvisedBytes = 1 << 16

    fileprivate init(_ source: any ByteSource, bytesPerRow: Int) throws {
        self.bytesPerRow = bytesPerRow
        if source.isResident {
            rows = .resident(source)
        } else if let finer = source.rows, finer.bytesPerRow > 0, bytesPerRow % finer.bytesPerRow == 0 {
            let make = try finer.open()
            let share = bytesPerRow / finer.bytesPerRow
            rows = .made { run, out in try make(run.lowerBound * share..<run.upperBound * share, out) }
        } else if let window = (source as? DeferredBytes)?.window {
            rows = .windowed(window)
        } else {
            rows = .resident(try source.madeWhole())
        }
    }

    /// Calls `body` with the bytes of `run`, which are valid for the call only.
    public func withRows<Result>(_ run: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let range = run.lowerBound * bytesPerRow..<run.upperBound * bytesPerRow
        switch rows {
        case .resident(let source):
            let mapped = range.count >= RowReader.leastAdvisedBytes ? source as? MappedBytes : nil
            mapped?.willRead(range)
            defer { mapped?.didRead(range) }
            return try source.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
        case .made(let make):
            return try OwnedBytes(byteCount: range.count) { try make(run, $0) }.withUnsafeBytes(body)
        case .windowed(let window): return try window.withBytes(range, body)
        }
    }

    /// Copies the bytes of `run`.
    public func read(_ run: Range<Int>, into out: UnsafeMutableRawBufferPointer) throws {
        switch rows {
        case .resident: try withRows(run) { out.copyMemory(from: $0) }
        case .made(let make): try make(run, out)
        case .windowed(let window): try window.copy(run.lowerBound * bytesPerRow..<run.upperBound * bytesPerRow, into: out)
        }
    }
}

extension ByteSource {
    /// Opens the bytes for reading by rows. What can only be made as a whole is made here, and kept by the reader; of much that can be made
    /// piece by piece it keeps the pieces that were read last.
    ///
    /// - Precondition: the bytes are whole rows.
    public func openRows(of bytesPerRow: Int) throws -> RowReader { try RowReader(self, bytesPerRow: bytesPerRow) }

    /// The bytes as rows that can be made apart from each other; nil where they lie in memory, or are made all at once.
    public var rows: RowSource? { self as? RowSource }

    /// The least number of units of `byteCount` bytes that can be had at a time: 1, or those of a row where there are rows.
    func unitsPerRow(of byteCount: Int) -> Int {
        guard let rows, rows.bytesPerRow > 0, rows.bytesPerRow % byteCount == 0 else { return 1 }
        return rows.bytesPerRow / byteCount
    }

    /// Whether the bytes are there, so that asking for some of them costs nothing for the others.
    var isResident: Bool { self is MappedBytes || self is OwnedBytes }

    /// Bytes that a reader of rows keeps in memory.
    var openByteCount: Int {
        if isResident { return 0 }
        if let rows { return rows.pieceByteCount }
        return hasWindow ? PieceWindow.memoryByteCount + 2 * pieceByteCount : byteCount
    }

    /// Whether a reader of rows keeps some pieces, not all bytes.
    var hasWindow: Bool { (self as? DeferredBytes)?.isWindowed ?? false }

    fileprivate func madeWhole() throws -> any ByteSource {
        if let made = try (self as? DeferredBytes)?.made(), made.isResident { return made }
        return try withUnsafeBytes { OwnedBytes(copying: $0) }
    }
}

extension RowSource {
    /// Rows that are made of units of another source, such as elements or blocks, each by itself.
    ///
    /// A row is one unit, or as many as the source makes at a time. `make` is called with the bytes of some units, and with room for
    /// what becomes of them; several threads may call it at once.
    ///
    /// - Precondition: `bytes` is whole units of `unitBytes`.
    public convenience init(
        from bytes: any ByteSource, unitBytes: Int, madeUnitBytes: Int,
        _ make: @escaping @Sendable (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) throws -> Void
    ) {
        let units = bytes.unitsPerRow(of: unitBytes)
        let rowCount = bytes.byteCount / unitBytes / units
        self.init(
            rowCount: rowCount, bytesPerRow: units * madeUnitBytes, isEncoder: bytes.rows?.isEncoder ?? false,
            makerByteCount: bytes.openByteCount
        ) {
            let reader = try bytes.openRows(of: units * unitBytes)
            return { run, out in try reader.withRows(run) { try make($0, out) } }
        }
    }
}
