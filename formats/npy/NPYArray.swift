import FormatKit
import ModelGraph

/// Makes row-major little-endian bytes of an array's data, whatever its order.
enum NPYArray {
    /// The array as a tensor's elements; bytes are reordered when asked for, and only where they must be.
    ///
    /// - Parameter data: exactly the array's data.
    static func dense(_ header: NPYHeader, as dtype: DType, data: any ByteSource) throws -> DenseTensor {
        let isTransposed = header.isFortranOrder && header.shape.dimensions.filter { $0 != 1 }.count > 1
        if !header.element.isBigEndian && !isTransposed { return try DenseTensor(dtype: dtype, shape: header.shape, bytes: data) }
        let width = dtype.byteWidth
        let deferred = isTransposed ? inRowOrder(header, width, data) : swapped(width, data)
        return try DenseTensor(dtype: dtype, shape: header.shape, bytes: deferred)
    }

    private static func inRowOrder(_ header: NPYHeader, _ width: Int, _ data: any ByteSource) -> DeferredBytes {
        DeferredBytes(byteCount: data.byteCount) {
            try data.withUnsafeBytes { raw in
                OwnedBytes(byteCount: raw.count) { out in
                    transpose(raw, header.shape, width, into: out)
                    if header.element.isBigEndian { swapBytes(out, width) }
                }
            }
        }
    }

    /// Big-endian elements in their order, which can be turned piece by piece.
    private static func swapped(_ width: Int, _ data: any ByteSource) -> DeferredBytes {
        @Sendable func made(_ raw: UnsafeRawBufferPointer) -> OwnedBytes {
            OwnedBytes(byteCount: raw.count) { out in
                out.copyMemory(from: raw)
                swapBytes(out, width)
            }
        }
        @Sendable func pieces(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
            try data.forEachPiece(ofElements: width, atOnce: count) { piece in
                for start in stride(from: 0, to: piece.count, by: pieceByteCount) {
                    let part = piece[start..<min(start + pieceByteCount, piece.count)]
                    try made(UnsafeRawBufferPointer(rebasing: part)).withUnsafeBytes(body)
                }
            }
        }
        return DeferredBytes(
            byteCount: data.byteCount, pieceByteCount: data.pieceByteCount + pieceByteCount, atOnce: data.makesPiecesAtOnce, pieces: pieces
        ) { try data.withUnsafeBytes(made) }
    }

    /// A multiple of every element's width.
    private static let pieceByteCount = 1 << 20

    /// From first dimension fastest to last dimension fastest.
    private static func transpose(_ raw: UnsafeRawBufferPointer, _ shape: Shape, _ width: Int, into out: UnsafeMutableRawBufferPointer) {
        // Of no elements there may be any number of rows.
        guard raw.count > 0, let source = raw.baseAddress, let target = out.baseAddress else { return }
        var strides: [Int] = []
        var stride = width
        for dimension in shape.dimensions {
            strides.append(stride)
            stride *= dimension
        }
        let (rank, columns) = (shape.rank, shape.columns)
        var position = [Int](repeating: 0, count: rank)
        for row in 0..<shape.rows {
            var from = 0
            for axis in 0..<rank - 1 { from += position[axis] * strides[axis] }
            let start = row * columns * width
            for column in 0..<columns {
                (target + start + column * width).copyMemory(from: source + from + column * strides[rank - 1], byteCount: width)
            }
            for axis in (0..<rank - 1).reversed() {
                position[axis] += 1
                if position[axis] < shape.dimensions[axis] { break }
                position[axis] = 0
            }
        }
    }

    private static func swapBytes(_ bytes: UnsafeMutableRawBufferPointer, _ width: Int) {
        for start in stride(from: 0, to: bytes.count, by: width) {
            bytes[start..<start + width].reverse()
        }
    }
}
