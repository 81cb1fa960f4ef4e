/// A tensor as integer codes: value = scale · columnScale · (code − zeroPoint), one scale and zero point for each run of `groupSize`
/// elements of a row, of which the last may be shorter, and where there are any a scale for each column.
public struct QuantizedTensor: Sendable {
    public let shape: Shape
    /// Bits a code, 2 … 8.
    public let bits: Int
    /// Elements of a row that share a scale, at least 1.
    public let groupSize: Int
    /// One byte an element in row-major order: two's complement −2^(b−1) … 2^(b−1)−1 when symmetric, 0 … 2^b−1 when not.
    public let codes: any ByteSource
    /// One scale a group, row by row: [rows × groupsPerRow], F16, BF16 or F32.
    public let scales: DenseTensor
    /// One byte a group, 0 … 2^b−1; nil when symmetric, where the zero point is 0.
    public let zeroPoints: (any ByteSource)?
    /// One more scale for each column, [columns], F16, BF16 or F32; nil where columns do not differ.
    public let columnScales: DenseTensor?

    public init(
        shape: Shape, bits: Int, groupSize: Int, codes: any ByteSource, scales: DenseTensor, zeroPoints: (any ByteSource)?,
        columnScales: DenseTensor? = nil
    ) throws {
        self.shape = shape
        self.bits = bits
        self.groupSize = groupSize
        self.codes = codes
        self.scales = scales
        self.zeroPoints = zeroPoints
        self.columnScales = columnScales
        try checkInvariants()
    }

    public var isSymmetric: Bool { zeroPoints == nil }
    public var groupsPerRow: Int { QuantizedTensor.groupsPerRow(columns: shape.columns, groupSize: groupSize) }

    public static func groupsPerRow(columns: Int, groupSize: Int) -> Int {
        columns / groupSize + (columns % groupSize == 0 ? 0 : 1)
    }

    /// Codes at their bit width, scales and zero points (these at the codes' width).
    public var byteCount: Int {
        let packed = (shape.elementCount * bits + 7) / 8
        let zeros = zeroPoints.map { ($0.byteCount * bits + 7) / 8 } ?? 0
        return packed + scales.byteCount + zeros + (columnScales?.byteCount ?? 0)
    }

    /// Whether the layout is GGUF's Q8_0: 8 symmetric bits in groups of 32 that fill each row, F16 scales.
    public var isQ8_0: Bool {
        bits == 8 && groupSize == 32 && isSymmetric && columnScales == nil && scales.dtype == .f16 && shape.columns % 32 == 0
    }

    public func checkInvariants() throws {
        guard (2...8).contains(bits), groupSize >= 1 else {
            throw GraphError.inconsistent("quantized", "\(bits) bits in groups of \(groupSize)")
        }
        guard codes.byteCount == shape.elementCount else {
            throw GraphError.inconsistent("quantized", "\(codes.byteCount) codes for shape \(shape)")
        }
        let groups = shape.elementCount == 0 ? 0 : shape.rows * groupsPerRow
        guard scales.shape.elementCount == groups, scales.dtype.isComputable, scales.dtype != .f64 else {
            throw GraphError.inconsistent("quantized", "\(scales.dtype.rawValue) scales \(scales.shape) for \(groups) groups")
        }
        guard zeroPoints == nil || zeroPoints?.byteCount == groups else {
            throw GraphError.inconsistent("quantized", "\(zeroPoints?.byteCount ?? 0) zero points for \(groups) groups")
        }
        guard let columnScales else { return }
        guard columnScales.shape.elementCount == shape.columns, columnScales.dtype.isComputable, columnScales.dtype != .f64 else {
            throw GraphError.inconsistent(
                "quantized", "\(columnScales.dtype.rawValue) scales \(columnScales.shape) for \(shape.columns) columns")
        }
    }
}
