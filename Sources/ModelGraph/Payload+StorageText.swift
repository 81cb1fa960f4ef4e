extension Payload {
    /// How the values are stored: "BF16", "lowRank F16 + sparse F16", "int4/64 F16", "Q8_0".
    public var storageText: String {
        switch self {
        case .dense(let tensor): return tensor.dtype.rawValue
        case .lowRank(let tensor):
            let (u, v) = (tensor.u.storageText, tensor.v.storageText)
            return "lowRank " + (u == v ? u : "\(u) · \(v)")
        case .sparse(let tensor): return "sparse \(tensor.values.storageText)"
        case .quantized(let tensor):
            if tensor.isQ8_0 { return "Q8_0" }
            return "\(tensor.isSymmetric ? "int" : "uint")\(tensor.bits)/\(tensor.groupSize) \(tensor.scales.dtype.rawValue)"
        case .composite(let terms): return terms.map(\.storageText).joined(separator: " + ")
        }
    }

    /// The dtypes of everything that is stored, in order, each once.
    public var storedTypes: [String] {
        var types: [String] = []
        func add(_ payload: Payload) {
            switch payload {
            case .dense(let tensor): types.append(tensor.dtype.rawValue)
            case .lowRank(let tensor): add(tensor.u); add(tensor.v)
            case .sparse(let tensor): add(tensor.values)
            case .quantized(let tensor): types += ["\(tensor.isSymmetric ? "I" : "U")\(tensor.bits)", tensor.scales.dtype.rawValue]
            case .composite(let terms): terms.forEach(add)
            }
        }
        add(self)
        var seen = Set<String>()
        return types.filter { seen.insert($0).inserted }
    }
}
