extension Payload {
    /// Whether it is made of the other's very bytes, in the same way; equal bytes in another place are not the same.
    public func hasSameBytes(as other: Payload) -> Bool {
        let (own, others) = (byteSources, other.byteSources)
        return kindName == other.kindName && own.count == others.count && zip(own, others).allSatisfy { $0 === $1 }
    }

    private var byteSources: [any ByteSource] {
        switch self {
        case .dense(let tensor): return [tensor.bytes]
        case .blocks(let tensor): return [tensor.bytes]
        case .lowRank(let tensor): return tensor.u.byteSources + tensor.v.byteSources
        case .sparse(let tensor): return [tensor.pattern.words] + tensor.values.byteSources
        case .quantized(let tensor):
            return [tensor.codes, tensor.scales.bytes] + [tensor.zeroPoints, tensor.columnScales?.bytes].compactMap { $0 }
        case .composite(let terms): return terms.flatMap(\.byteSources)
        }
    }
}
