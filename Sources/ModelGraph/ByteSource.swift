/// Bytes that are there when asked for: mapped, owned, or made on demand.
public protocol ByteSource: AnyObject, Sendable {
    var byteCount: Int { get }
    /// Calls `body` with the bytes, which are valid for the call only. A deferred source makes them for each call.
    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result
    /// Whether the bytes lie in memory or a mapped file, so that asking for them costs nothing.
    var isAddressable: Bool { get }
    /// Bytes of memory that `forEachPiece` takes for each piece that is there at once; 0 where the bytes are there already.
    var pieceByteCount: Int { get }
    /// Whether several threads can make pieces at once.
    var makesPiecesAtOnce: Bool { get }
    /// Calls `body` with piece after piece of the bytes, which need not be there all at once; each is valid for its call only. What is
    /// wrong with the whole may be found, and thrown, after the last piece.
    ///
    /// - Parameter count: pieces that may be in memory at once, made on as many threads.
    func forEachPiece(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws
}

extension ByteSource {
    public var isAddressable: Bool { false }
    public var pieceByteCount: Int { isAddressable ? 0 : byteCount }
    public var makesPiecesAtOnce: Bool { false }
    public func forEachPiece(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws { try withUnsafeBytes(body) }
    public func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) throws { try forEachPiece(atOnce: 1, body) }

    /// The bytes where they are addressable, a copy in memory of others.
    func resident() throws -> any ByteSource { isAddressable ? self : try withUnsafeBytes { OwnedBytes(copying: $0) } }

    /// The same, with pieces of whole elements of `width` bytes, at any address; bytes after the last whole element are left out.
    public func forEachPiece(
        ofElements width: Int, atOnce count: Int = 1, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var split: [UInt8] = []
        try forEachPiece(atOnce: count) { piece in
            var piece = piece
            if !split.isEmpty {
                let missing = min(width - split.count, piece.count)
                split += piece[..<missing]
                guard split.count == width else { return }
                try split.withUnsafeBytes(body)
                split = []
                piece = UnsafeRawBufferPointer(rebasing: piece[missing...])
            }
            let whole = piece.count / width * width
            if whole > 0 { try body(UnsafeRawBufferPointer(rebasing: piece[..<whole])) }
            split += piece[whole...]
        }
    }
}

/// Bytes in memory of the process's own, 64-byte aligned.
///
/// Safe to share: they are written before `init` returns, and never after.
public final class OwnedBytes: ByteSource, @unchecked Sendable {
    public let byteCount: Int
    private let base: UnsafeMutableRawPointer
    private let allocation: UnsafeMutableRawPointer

    private static let alignment = 64

    /// `byteCount` bytes that `fill` writes, all of them.
    public init(byteCount: Int, filledBy fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        self.byteCount = byteCount
        // Asked for without alignment: a hole that an aligned block leaves in the heap is too small for the next one of its size.
        allocation = UnsafeMutableRawPointer.allocate(byteCount: byteCount + Self.alignment, alignment: 16)
        base = allocation.alignedUp(toMultipleOf: Self.alignment)
        try fill(UnsafeMutableRawBufferPointer(start: base, count: byteCount))
    }

    public convenience init<Bytes: Collection>(_ bytes: Bytes) where Bytes.Element == UInt8 {
        self.init(byteCount: bytes.count) { $0.copyBytes(from: bytes) }
    }

    public convenience init(copying buffer: UnsafeRawBufferPointer) {
        self.init(byteCount: buffer.count) { $0.copyMemory(from: buffer) }
    }

    /// The elements' bytes in the machine's order.
    public convenience init<Element>(elements: [Element]) {
        self.init(byteCount: elements.count * MemoryLayout<Element>.stride) { out in
            elements.withUnsafeBytes { out.copyMemory(from: $0) }
        }
    }

    deinit { allocation.deallocate() }

    public var isAddressable: Bool { true }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: byteCount))
    }
}

/// Bytes that a closure makes each time they are asked for, such as a frame decompressed or rows reordered.
public final class DeferredBytes: ByteSource {
    public let byteCount: Int
    public let pieceByteCount: Int
    public let makesPiecesAtOnce: Bool
    private let separatePieces: SeparatePieces?
    private let produce: @Sendable () throws -> any ByteSource
    private let pieces: (@Sendable (Int, (UnsafeRawBufferPointer) throws -> Void) throws -> Void)?

    /// - Parameter produce: returns a source of exactly `byteCount` bytes.
    public init(byteCount: Int, produce: @escaping @Sendable () throws -> any ByteSource) {
        self.byteCount = byteCount
        (pieceByteCount, makesPiecesAtOnce) = (byteCount, false)
        self.produce = produce
        (pieces, separatePieces) = (nil, nil)
    }

    /// - Parameters:
    ///   - pieceByteCount: memory that each piece takes.
    ///   - atOnce: whether several can be made at once.
    ///   - separately: the same pieces in any order, where they can be made so.
    ///   - pieces: `forEachPiece`.
    ///   - produce: returns a source of exactly `byteCount` bytes.
    public init(
        byteCount: Int, pieceByteCount: Int, atOnce: Bool, separately: SeparatePieces? = nil,
        pieces: @escaping @Sendable (Int, (UnsafeRawBufferPointer) throws -> Void) throws -> Void,
        produce: @escaping @Sendable () throws -> any ByteSource
    ) {
        self.byteCount = byteCount
        (self.pieceByteCount, makesPiecesAtOnce) = (pieceByteCount, atOnce)
        self.pieces = pieces
        separatePieces = separately
        self.produce = produce
    }

    public func forEachPiece(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard let pieces else { return try withUnsafeBytes(body) }
        try pieces(count, body)
    }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try made().withUnsafeBytes(body)
    }

    /// A reader of ranges that keeps some pieces in memory; nil where the whole is made at once, or is little.
    var window: PieceWindow? {
        byteCount < PieceWindow.leastByteCount ? nil : separatePieces.map { PieceWindow($0, byteCount: byteCount) }
    }

    var isWindowed: Bool { separatePieces != nil && byteCount >= PieceWindow.leastByteCount }

    /// The source that the closure makes.
    func made() throws -> any ByteSource {
        let source = try produce()
        guard source.byteCount == byteCount else {
            throw GraphError.inconsistent("deferred bytes", "made \(source.byteCount) bytes, \(byteCount) were promised")
        }
        return source
    }
}

/// A part of another source.
public final class SlicedBytes: ByteSource {
    public let byteCount: Int
    private let source: any ByteSource
    private let offset: Int

    /// Nil when the range does not lie inside the source.
    public init?(_ source: any ByteSource, offset: Int, byteCount: Int) {
        guard offset >= 0, byteCount >= 0, offset <= source.byteCount, byteCount <= source.byteCount - offset else { return nil }
        self.source = source
        self.offset = offset
        self.byteCount = byteCount
    }

    public var isAddressable: Bool { source.isAddressable }
    public var pieceByteCount: Int { source.pieceByteCount }
    public var makesPiecesAtOnce: Bool { source.makesPiecesAtOnce }

    public func forEachPiece(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        if isAddressable { return try withUnsafeBytes(body) }
        var start = 0
        try source.forEachPiece(atOnce: count) { piece in
            defer { start += piece.count }
            let (first, last) = (max(offset - start, 0), min(offset + byteCount - start, piece.count))
            if first < last { try body(UnsafeRawBufferPointer(rebasing: piece[first..<last])) }
        }
    }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try source.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[offset..<offset + byteCount])) }
    }
}
