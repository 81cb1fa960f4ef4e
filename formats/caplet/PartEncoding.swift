/// How the content of a part is laid in frames (SPEC.md, "Encodings").
///
/// A part is cut into chunks, and each chunk becomes `framesPerChunk` frames that need no other chunk.
protocol ChunkCoding {
    var framesPerChunk: Int { get }
    /// How many bytes each frame of a chunk may hold.
    func frameContent(ofChunk byteCount: Int) -> ClosedRange<Int>
    /// The contents of the chunk's frames.
    func encode(_ chunk: UnsafeRawBufferPointer) -> [[UInt8]]
    /// Fills `chunk` from the contents of its frames.
    ///
    /// - Throws: `CodingFailure` for contents that no chunk is encoded as.
    func decode(_ contents: [UnsafeRawBufferPointer], into chunk: UnsafeMutableRawBufferPointer) throws
}

/// Contents of frames that break the rules of their encoding.
struct CodingFailure: Error, CustomStringConvertible {
    let description: String
}

enum PartEncoding: Equatable {
    /// The bytes as they are.
    case raw
    /// Bytes of integers of a width of 2, 4 or 8, plane by plane.
    case planes(width: Int)
    /// The same of floats whose bits were rotated left by one, so that the exponent fills the last plane.
    case floatPlanes(width: Int)
    /// Small codes, several a byte.
    case packed(PackedCodes)
    /// Codes of a matrix, by a coder that adapts to their magnitudes.
    case adaptive(AdaptiveCodes)
    /// Positions of the set bits of a bitmap, as gaps.
    case gaps

    var coding: any ChunkCoding {
        switch self {
        case .raw: return RawCoding()
        case .planes(let width): return PlaneCoding(width: width, rotates: false)
        case .floatPlanes(let width): return PlaneCoding(width: width, rotates: true)
        case .packed(let codes): return codes
        case .adaptive(let codes): return codes
        case .gaps: return GapCoding()
        }
    }

    /// Chunks are multiples of this.
    var chunkUnit: Int {
        if case .adaptive(let codes) = self { return codes.columns }
        return unit
    }

    /// The content's bytes come in multiples of this.
    var unit: Int {
        switch self {
        case .planes(let width), .floatPlanes(let width): return width
        default: return 1
        }
    }
}

/// The chunk as it is, in one frame.
struct RawCoding: ChunkCoding {
    var framesPerChunk: Int { 1 }

    func frameContent(ofChunk byteCount: Int) -> ClosedRange<Int> { byteCount...byteCount }

    func encode(_ chunk: UnsafeRawBufferPointer) -> [[UInt8]] { [Array(chunk)] }

    func decode(_ contents: [UnsafeRawBufferPointer], into chunk: UnsafeMutableRawBufferPointer) {
        chunk.copyMemory(from: contents[0])
    }
}
