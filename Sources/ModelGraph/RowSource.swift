/// Rows of equal size that are made when they are asked for: any run of them apart from the others, on several threads at once.
public final class RowSource: ByteSource {
    /// Makes the bytes of a run of rows. Several threads may call it at once.
    public typealias Maker = @Sendable (_ rows: Range<Int>, _ out: UnsafeMutableRawBufferPointer) throws -> Void

    public let rowCount: Int
    public let bytesPerRow: Int
    /// Whether the rows are encoded from floats, and not stored rows in another order or form.
    public let isEncoder: Bool
    private let makeMaker: @Sendable () throws -> Maker
    private let makerByteCount: Int

    /// Bytes of a run that is made at a time; a row may be larger.
    private static let runBytes = 1 << 18

    /// - Parameters:
    ///   - makerByteCount: bytes that the maker keeps in memory.
    ///   - open: what making rows takes, done once for many of them; the maker keeps what it needs in memory.
    public init(
        rowCount: Int, bytesPerRow: Int, isEncoder: Bool = false, makerByteCount: Int = 0, open: @escaping @Sendable () throws -> Maker
    ) {
        self.rowCount = rowCount
        self.bytesPerRow = bytesPerRow
        self.isEncoder = isEncoder
        self.makerByteCount = makerByteCount
        makeMaker = open
    }

    public var byteCount: Int { rowCount * bytesPerRow }

    public var pieceByteCount: Int {
        let (sum, overflow) = makerByteCount.addingReportingOverflow(max(RowSource.runBytes, bytesPerRow))
        return overflow ? .max : sum
    }

    public func open() throws -> Maker { try makeMaker() }

    /// The rows in runs of a size that is good to make at a time.
    public var runs: [Range<Int>] {
        // However many rows there are of no bytes.
        if bytesPerRow == 0 { return [] }
        let length = max(1, RowSource.runBytes / bytesPerRow)
        return stride(from: 0, to: rowCount, by: length).map { $0..<min($0 + length, rowCount) }
    }

    public func forEachPiece(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let make = try open()
        for run in runs {
            try OwnedBytes(byteCount: run.count * bytesPerRow) { try make(run, $0) }.withUnsafeBytes(body)
        }
    }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let bytes = try OwnedBytes(byteCount: byteCount) { out in
            let make = try open()
            for run in runs {
                try make(run, UnsafeMutableRawBufferPointer(rebasing: out[run.lowerBound * bytesPerRow..<run.upperBound * bytesPerRow]))
            }
        }
        return try bytes.withUnsafeBytes(body)
    }
}
