import FormatKit
import ModelGraph

/// A payload as the manifest has it: the same tree, with a part wherever the graph has bytes.
indirect enum StoredPayload {
    struct Array {
        let dtype: DType
        let shape: Shape
        let part: Part
    }

    case dense(Array)
    case lowRank(u: StoredPayload, v: StoredPayload)
    /// The content of `positions` is a bitmap: bit r·columns + c, lowest bit of a byte first, zero bits up to a whole byte.
    case sparse(rows: Int, columns: Int, nonZeroCount: Int, positions: Part, values: StoredPayload)
    case quantized(shape: Shape, bits: Int, groupSize: Int, codes: Part, scales: Array, zeroPoints: Part?, columnScales: Array?)
    case composite([StoredPayload])

    /// Most elements of a tensor that is not plain dense: a few bytes of file may stand for all of them.
    static let maximumElementCount = 1 << 34
    /// Most payloads within payloads.
    static let maximumDepth = 8

    /// All parts in the order of the file, each with the object it is: `object` is the payload's own.
    func parts(_ object: String) -> [(object: String, part: Part)] {
        func inside(_ name: String) -> String { StoredPayload.place(object, name) }
        switch self {
        case .dense(let array): return [(object, array.part)]
        case .lowRank(let u, let v): return u.parts(inside("u")) + v.parts(inside("v"))
        case .sparse(_, _, _, let positions, let values): return [(inside("positions"), positions)] + values.parts(inside("values"))
        case .quantized(_, _, _, let codes, let scales, let zeroPoints, let columnScales):
            let zeros = zeroPoints.map { [(object: inside("zeroPoints"), part: $0)] } ?? []
            let columns = columnScales.map { [(object: inside("columnScales"), part: $0.part)] } ?? []
            return [(inside("codes"), codes), (inside("scales"), scales.part)] + zeros + columns
        case .composite(let terms): return terms.enumerated().flatMap { $1.parts(inside("terms[\($0)]")) }
        }
    }

    /// What messages call a part of a payload: "tensor 'h.0.w' terms[1].values.codes".
    static func place(_ object: String, _ name: String) -> String { object.hasSuffix("'") ? "\(object) \(name)" : "\(object).\(name)" }
}

extension Payload {
    /// Bytes that a writer reads for the payload: contents of parts, codes a byte each.
    var contentByteCount: Int {
        switch self {
        case .dense(let tensor): return tensor.byteCount
        case .blocks(let tensor): return tensor.elements.byteCount
        case .lowRank(let tensor): return tensor.u.contentByteCount + tensor.v.contentByteCount
        case .sparse(let tensor): return tensor.pattern.byteCount + tensor.values.contentByteCount
        case .quantized(let tensor):
            let others = (tensor.zeroPoints?.byteCount ?? 0) + (tensor.columnScales?.byteCount ?? 0)
            return tensor.codes.byteCount + tensor.scales.byteCount + others
        case .composite(let terms): return terms.reduce(0) { $0 + $1.contentByteCount }
        }
    }
}
