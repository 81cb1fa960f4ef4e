import Synchronization

/// Rows of sources that are parts of one another, or stand one after the other or side by side; made when they are asked for.
extension RowSource {
    /// Some rows of another source.
    public convenience init(rows: Range<Int>, of source: any ByteSource, bytesPerRow: Int) {
        self.init(rowCount: rows.count, bytesPerRow: bytesPerRow, isEncoder: source.rows?.isEncoder ?? false) {
            let reader = try source.openRows(of: bytesPerRow)
            return { run, out in try reader.read(run.lowerBound + rows.lowerBound..<run.upperBound + rows.lowerBound, into: out) }
        }
    }

    /// The rows of several sources of as many rows each, one after the other; what reading one takes is kept for few of them at a time.
    public convenience init(joining sources: [any ByteSource], rowsEach: Int, bytesPerRow: Int) {
        self.init(
            rowCount: sources.count * rowsEach, bytesPerRow: bytesPerRow,
            isEncoder: sources.contains { $0.rows?.isEncoder ?? false }, makerByteCount: sources.map(\.pieceByteCount).max() ?? 0
        ) {
            let readers = OpenReaders(sources, bytesPerRow: bytesPerRow)
            return { run, out in
                var row = run.lowerBound
                while row < run.upperBound {
                    let source = row / rowsEach
                    let end = min(run.upperBound, (source + 1) * rowsEach)
                    let place = (row - run.lowerBound) * bytesPerRow..<(end - run.lowerBound) * bytesPerRow
                    let reader = try readers[source]
                    let target = UnsafeMutableRawBufferPointer(rebasing: out[place])
                    try reader.read(row - source * rowsEach..<end - source * rowsEach, into: target)
                    row = end
                }
            }
        }
    }

    /// One of several equal shares of the columns of a matrix: of `unit` bytes each that take turns, or that are all of a share.
    ///
    /// - Parameters:
    ///   - bytesPerRow: of the source, a multiple of `count` × `unit`.
    ///   - part: which of the `count` shares.
    public convenience init(columns part: Int, of count: Int, _ source: any ByteSource, rowCount: Int, bytesPerRow: Int, unit: Int) {
        let share = bytesPerRow / count
        self.init(rowCount: rowCount, bytesPerRow: share, makerByteCount: source.openByteCount) {
            let reader = try source.openRows(of: bytesPerRow)
            return { run, out in
                try reader.withRows(run) { rows in
                    for row in 0..<run.count {
                        for place in 0..<share / unit {
                            let from = row * bytesPerRow + (place * count + part) * unit
                            let target = UnsafeMutableRawBufferPointer(
                                rebasing: out[row * share + place * unit..<row * share + (place + 1) * unit])
                            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: rows[from..<from + unit]))
                        }
                    }
                }
            }
        }
    }

    /// What `init(columns:)` takes apart: the rows of several sources side by side, by turns of `unit` bytes.
    public convenience init(sideBySide sources: [any ByteSource], rowCount: Int, bytesPerRow share: Int, unit: Int) {
        let count = sources.count
        self.init(
            rowCount: rowCount, bytesPerRow: share * count, isEncoder: sources.contains { $0.rows?.isEncoder ?? false },
            makerByteCount: sources.reduce(0) { $0 + $1.openByteCount }
        ) {
            let readers = try sources.map { try $0.openRows(of: share) }
            return { run, out in
                for (part, reader) in readers.enumerated() {
                    try reader.withRows(run) { rows in
                        for row in 0..<run.count {
                            for place in 0..<share / unit {
                                let (from, to) = (row * share + place * unit, row * share * count + (place * count + part) * unit)
                                UnsafeMutableRawBufferPointer(rebasing: out[to..<to + unit])
                                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: rows[from..<from + unit]))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Readers of the sources that were read last.
private final class OpenReaders: Sendable {
    private let sources: [any ByteSource]
    private let bytesPerRow: Int
    private let open = Mutex<[Int: RowReader]>([:])
    private static let mostOpen = 4

    init(_ sources: [any ByteSource], bytesPerRow: Int) { (self.sources, self.bytesPerRow) = (sources, bytesPerRow) }

    subscript(source: Int) -> RowReader {
        get throws {
            try open.withLock { open in
                if let reader = open[source] { return reader }
                if open.count >= OpenReaders.mostOpen, let oldest = open.keys.min() { open[oldest] = nil }
                let reader = try sources[source].openRows(of: bytesPerRow)
                open[source] = reader
                return reader
            }
        }
    }
}
