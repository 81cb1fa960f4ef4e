import ModelGraph

/// One tensor of a family under its two names. A weight's rule is also that of the bias beside it, if there is one.
public struct TensorRule: Sendable {
    /// The name in a Hugging Face checkpoint, which is the graph's, such as "model.layers.{}.mlp.up_proj.weight".
    public var name: String
    /// The name in a GGUF file, such as "blk.{}.ffn_up.weight"; empty where llama.cpp has no such tensor.
    public var gguf: String
    public var role: TensorRole
    public var module: Module
    public var layout: TensorLayout
    /// Whether some checkpoints of the family go without.
    public var isOptional: Bool

    init(
        _ name: String, _ gguf: String, _ role: TensorRole, _ module: Module, _ layout: TensorLayout = .same, isOptional: Bool = false
    ) {
        self.name = name
        self.gguf = gguf
        self.role = role
        self.module = module
        self.layout = layout
        self.isOptional = isOptional
    }

    /// The Hugging Face name in `block`, of a layer of `expert`.
    public func name(block: Int?, expert: Int? = nil) -> String { TensorRule.filled(TensorRule.filled(name, block), expert) }
    /// Whether each expert, or each head, has a tensor of its own.
    public var isOfPart: Bool { name.indices.count { name[$0...].hasPrefix("{}") } > 1 }
    /// The GGUF name in `block`.
    public func gguf(block: Int?) -> String { TensorRule.filled(gguf, block) }

    /// The rule of the bias beside the weight: ".bias" for ".weight" in both names.
    var bias: TensorRule? {
        guard let name = TensorRule.bias(of: name) else { return nil }
        var rule = self
        rule.name = name
        rule.gguf = TensorRule.bias(of: gguf) ?? ""
        if [.linear, .head, .stateSpace].contains(role) { rule.role = .bias }
        if [.transposed, .lessOne, .channelKernels].contains(layout) { rule.layout = .same }
        rule.isOptional = true
        return rule
    }

    /// The name of the bias beside a weight; nil where the name is none of a weight.
    public static func bias(of weight: String) -> String? {
        weight.hasSuffix(".weight") ? String(weight.dropLast(".weight".utf8.count)) + ".bias" : nil
    }

    public static func filled(_ pattern: String, _ block: Int?) -> String {
        guard let block, let hole = pattern.range(of: "{}") else { return pattern }
        return pattern[..<hole.lowerBound] + "\(block)" + pattern[hole.upperBound...]
    }
}

/// How a tensor lies in the Hugging Face checkpoint compared with a GGUF file.
public enum TensorLayout: Sendable {
    case same
    /// The two halves of each query head's rows are interleaved in GGUF, as llama.cpp's rotary embedding wants them.
    case interleavedQueryHeads
    /// The same for the key heads.
    case interleavedKeyHeads
    /// The checkpoint has [in, out], the graph and GGUF [out, in].
    case transposed
    /// The checkpoint has w, GGUF has 1 + w.
    case lessOne
    /// The checkpoint has with each key head its queries, the key, the value; GGUF all queries, all keys, all values.
    case grouped
    /// The checkpoint has with each head the rows of its keys and values; GGUF keys turned, and values, in tensors of their own.
    case keysAndValues
    /// The checkpoint has a matrix of one row, GGUF a vector.
    case oneRow
    /// The checkpoint has a vector, GGUF a matrix of one column.
    case oneColumn
    /// The checkpoint has log(−A) of a state space, GGUF A; where it is a vector, as a matrix of one column.
    case negatedExponential
    /// The checkpoint has a kernel for each channel in a matrix of one row, [channels, 1, kernel], GGUF [channels, kernel].
    case channelKernels
    /// The checkpoint has a vector, GGUF a row for each group of a state space.
    case groupRows
    /// The checkpoint has a row for each position with those before the first one, GGUF without these.
    case afterPadding
}

extension String {
    /// The first place where `text` stands.
    func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
