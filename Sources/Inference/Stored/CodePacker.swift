import CKernels
import ModelGraph

/// Packs the codes of a matrix block of rows by block of rows, each to the number of bits that makes it smallest.
struct CodePacker {
    private let tensor: QuantizedTensor
    private let object: String
    private let groupSize: Int
    private(set) var widths: [UInt8] = []
    private(set) var centers: [Int16] = []
    private(set) var starts: [Int] = []
    private(set) var escapeStarts: [UInt32] = [0]
    private(set) var escapes: [UInt16] = []

    init(_ tensor: QuantizedTensor, _ object: String) throws {
        self.tensor = tensor
        self.object = object
        groupSize = min(tensor.groupSize, max(tensor.shape.columns, 1))
        let blocks = RowBlock.count(tensor.shape.rows)
        widths.reserveCapacity(blocks)
        centers.reserveCapacity(blocks)
        starts.reserveCapacity(blocks)
        escapeStarts.reserveCapacity(blocks * segments + 1)
    }

    /// Words of a block with so many bits a code.
    private func wordCount(bits: Int) -> Int {
        let columns = tensor.shape.columns
        return columns / groupSize * caplet_packed_words(groupSize, Int32(bits)) + caplet_packed_words(columns % groupSize, Int32(bits))
    }

    /// Runs of columns whose escapes lie together.
    private var segments: Int {
        let size = Int(CAPLET_ESCAPE_COLUMNS)
        return tensor.shape.columns / size + (tensor.shape.columns % size == 0 ? 0 : 1)
    }

    /// The words of all blocks, which stay in the arena; the codes are read a piece at a time.
    ///
    /// - Throws: `GraphError.inconsistent` for a code that its bits do not hold; what the codes' storage throws.
    mutating func packWords(into arena: WeightArena) throws -> UnsafePointer<UInt32> {
        let columns = tensor.shape.columns
        let blocks = RowBlock.count(tensor.shape.rows)
        let (count, overflow) = wordCount(bits: 8).multipliedReportingOverflow(by: max(blocks, 1) * MemoryLayout<UInt32>.size)
        guard !overflow else { throw GraphError.notComputable(object, "\(tensor.shape) is too large to be packed") }
        let place = try arena.room(max(count, 64)).bindMemory(to: UInt32.self, capacity: max(count / 4, 16))
        var used = 0
        guard columns > 0 else { return UnsafePointer(place) }
        let block = UnsafeMutablePointer<UInt8>.allocate(capacity: RowBlock.rows * columns)
        defer { block.deallocate() }
        var filled = 0
        try tensor.codes.forEachPiece { piece in
            var rest = piece
            while let base = rest.baseAddress, !rest.isEmpty {
                let part = min(rest.count, RowBlock.rows * columns - filled)
                UnsafeMutableRawPointer(block + filled).copyMemory(from: base, byteCount: part)
                filled += part
                rest = UnsafeRawBufferPointer(rebasing: rest[part...])
                if filled == RowBlock.rows * columns {
                    try pack(block, rows: RowBlock.rows, place, &used)
                    filled = 0
                }
            }
        }
        if filled > 0 { try pack(block, rows: filled / columns, place, &used) }
        arena.take(used * MemoryLayout<UInt32>.size)
        return UnsafePointer(place)
    }

    private mutating func pack(_ codes: UnsafePointer<UInt8>, rows: Int, _ words: UnsafeMutablePointer<UInt32>, _ used: inout Int) throws {
        let columns = tensor.shape.columns
        var histogram = CodeCounts(isSigned: tensor.isSymmetric)
        histogram.add(codes, count: rows * columns)
        try histogram.checkRange(bits: tensor.bits, object)
        let choice = histogram.packing { wordCount(bits: $0) * MemoryLayout<UInt32>.size }
        var counts = [UInt32](repeating: 0, count: segments)
        let room = [UInt16](unsafeUninitializedCapacity: choice.escapes) { buffer, initialized in
            initialized = caplet_packed_encode(
                codes, tensor.isSymmetric ? 1 : 0, rows, columns, groupSize, Int32(choice.bits), Int32(choice.center), words + used,
                buffer.baseAddress, &counts)
        }
        widths.append(UInt8(choice.bits))
        centers.append(Int16(choice.center))
        starts.append(used)
        escapes += room
        guard escapes.count <= Int(UInt32.max) else {
            throw GraphError.notComputable(object, "has more than \(UInt32.max) rare codes")
        }
        for count in counts { escapeStarts.append(escapeStarts[escapeStarts.count - 1] + count) }
        used += wordCount(bits: choice.bits)
    }

    /// Zero points as [blocks, groups, 16]; nil when there are none.
    ///
    /// - Throws: `GraphError.inconsistent` for one that the bits of a code do not hold.
    func blockedZeros() throws -> [UInt8]? {
        guard let zeros = tensor.zeroPoints else { return nil }
        let top = UInt8(truncatingIfNeeded: (1 << tensor.bits) - 1)
        return try zeros.withUnsafeBytes { zeros in
            guard zeros.allSatisfy({ $0 <= top }) else {
                throw GraphError.inconsistent(object, "a zero point does not fit in \(tensor.bits) bits")
            }
            return BlockedScales.blocked(Array(zeros), rows: tensor.shape.rows, groups: tensor.groupsPerRow)
        }
    }
}

/// The scales of a matrix of codes as [blocks, groups, 16], as they are stored where that is 16 bits.
struct BlockedScales {
    let kind: caplet_scale_kind
    private let halves: [UInt16]
    private let floats: [Float]

    /// - Throws: `GraphError.notFinite`; what the storage throws.
    init(_ tensor: QuantizedTensor, _ object: String) throws {
        let (rows, groups, scales) = (tensor.shape.rows, tensor.groupsPerRow, tensor.scales)
        guard try scales.nonFiniteCount() == 0 else { throw GraphError.notFinite(object) }
        switch scales.dtype {
        case .f16, .bf16:
            kind = scales.dtype == .f16 ? CAPLET_SCALE_F16 : CAPLET_SCALE_BF16
            let stored = try scales.bytes.withUnsafeBytes { raw in
                (0..<raw.count / 2).map { UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self)) }
            }
            halves = BlockedScales.blocked(stored, rows: rows, groups: groups)
            floats = []
        default:
            kind = CAPLET_SCALE_F32
            floats = BlockedScales.blocked(try scales.floats(), rows: rows, groups: groups)
            halves = []
        }
    }

    func copy(to arena: WeightArena) throws -> UnsafeRawPointer {
        kind == CAPLET_SCALE_F32 ? UnsafeRawPointer(try arena.copy(floats)) : UnsafeRawPointer(try arena.copy(halves))
    }

    /// [rows, groups] as [blocks, groups, 16], with zeros for rows that are missing.
    static func blocked<Element: ExpressibleByIntegerLiteral>(_ elements: [Element], rows: Int, groups: Int) -> [Element] {
        var result = [Element](repeating: 0, count: RowBlock.count(rows) * groups * RowBlock.rows)
        guard elements.count == rows * groups else { return result }
        for row in 0..<rows {
            for group in 0..<groups {
                result[(row / RowBlock.rows * groups + group) * RowBlock.rows + row % RowBlock.rows] = elements[row * groups + group]
            }
        }
        return result
    }
}
