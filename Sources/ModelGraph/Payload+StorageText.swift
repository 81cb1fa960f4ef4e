extension Payload {
    /// How the values are stored: "BF16", "lowRank F16 + sparse F16", "int4/64 F16", "Q8_0", "Q4_K".
    public var storageText: String { text(\.codec.name) }

    /// The same with blocks as their elements: what a format without blocks stores.
    public var decodedStorageText: String { text(\.elements.dtype.rawValue) }

    private func text(_ blocks: (BlockTensor) -> String) -> String {
        switch self {
        case .dense(let tensor): return tensor.dtype.rawValue
        case .blocks(let tensor): return blocks(tensor)
        case .lowRank(let tensor):
            let (u, v) = (tensor.u.text(blocks), tensor.v.text(blocks))
            return "lowRank " + (u == v ? u : "\(u) · \(v)")
        case .sparse(let tensor): return "sparse \(tensor.values.text(blocks))"
        case .quantized(let tensor):
            if tensor.isQ8_0 { return "Q8_0" }
            let columns = tensor.columnScales == nil ? "" : " by columns"
            return "\(tensor.isSymmetric ? "int" : "uint")\(tensor.bits)/\(tensor.groupSize) \(tensor.scales.dtype.rawValue)\(columns)"
        case .composite(let terms): return terms.map { $0.text(blocks) }.joined(separator: " + ")
        }
    }

    /// The dtypes of everything that is stored, in order, each once.
    public var storedTypes: [String] {
        var types: [String] = []
        func add(_ payload: Payload) {
            switch payload {
            case .dense(let tensor): types.append(tensor.dtype.rawValue)
            case .blocks(let tensor): types.append(tensor.codec.name)
            case .lowRank(let tensor): add(tensor.u); add(tensor.v)
            case .sparse(let tensor): add(tensor.values)
            case .quantized(let tensor):
                types += ["\(tensor.isSymmetric ? "I" : "U")\(tensor.bits)", tensor.scales.dtype.rawValue]
                if let scales = tensor.columnScales { types.append(scales.dtype.rawValue) }
            case .composite(let terms): terms.forEach(add)
            }
        }
        add(self)
        var seen = Set<String>()
        return types.filter { seen.insert($0).inserted }
    }
}
