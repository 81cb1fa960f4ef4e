import FormatKit
import ModelGraph

/// Where the parts of a payload go while it is walked: a file, or a plan of one.
protocol PartSink: AnyObject {
    /// SHA-256 of the content of each part so far; empty where contents are not looked at.
    var contentDigests: [SHA256Digest] { get }
    func array(_ tensor: DenseTensor) throws -> Part
    func positions(_ pattern: SparsePattern) throws -> Part
    /// - Parameter columns: codes a row.
    func codes(_ codes: any ByteSource, bits: Int, isSymmetric: Bool, columns: Int) throws -> Part
    /// Attachments and long metadata arrays.
    func file(_ bytes: [UInt8], _ encoding: PartEncoding) throws -> Part
}

extension PartSink {
    /// The stored form of `payload`, its parts put in the order of the file.
    ///
    /// - Throws: what the payload's storage throws; `GraphError.inconsistent` for bits or codes out of their range.
    func store(_ payload: Payload) throws -> StoredPayload {
        switch payload {
        case .dense(let tensor): return .dense(try store(tensor))
        case .blocks(let tensor): return .dense(try store(tensor.elements))
        case .lowRank(let tensor): return .lowRank(u: try store(tensor.u), v: try store(tensor.v))
        case .sparse(let tensor):
            let positions = try positions(tensor.pattern)
            return .sparse(
                rows: tensor.pattern.rows, columns: tensor.pattern.columns, nonZeroCount: tensor.pattern.nonZeroCount,
                positions: positions, values: try store(tensor.values))
        case .quantized(let tensor):
            let columns = tensor.shape.columns
            let codes = try codes(tensor.codes, bits: tensor.bits, isSymmetric: tensor.isSymmetric, columns: columns)
            let groups = QuantizedTensor.groupsPerRow(columns: columns, groupSize: tensor.groupSize)
            let scales = try store(tensor.scales)
            let zeroPoints = try tensor.zeroPoints.map {
                try self.codes($0, bits: tensor.bits, isSymmetric: false, columns: groups)
            }
            return .quantized(
                shape: tensor.shape, bits: tensor.bits, groupSize: tensor.groupSize, codes: codes, scales: scales, zeroPoints: zeroPoints,
                columnScales: try tensor.columnScales.map { try store($0) })
        case .composite(let terms): return .composite(try terms.map { try store($0) })
        }
    }

    private func store(_ tensor: DenseTensor) throws -> StoredPayload.Array {
        StoredPayload.Array(dtype: tensor.dtype, shape: tensor.shape, part: try array(tensor))
    }
}

extension PartEncoding {
    /// The encoding of an array of that dtype.
    static func array(_ dtype: DType) -> PartEncoding {
        if dtype.byteWidth == 1 { return .raw }
        return dtype.isFloat && dtype.isComputable ? .floatPlanes(width: dtype.byteWidth) : .planes(width: dtype.byteWidth)
    }
}
