import Architectures
import FormatKit
import ModelGraph

/// Between a graph's tensors and a file's: names, order of rows, dtypes. The graph has those of the Hugging Face checkpoint.
///
/// A class, as family and configuration are kilobytes, of which each use would put a copy on the stack.
final class GGUFNaming: Sendable {
    let family: ArchitectureFamily
    let ggufName: String
    let configuration: ModelConfiguration
    /// What stands before the names of the checkpoint.
    let prefix: NamePrefix

    /// The key for a prefix that is not the family's usual one.
    static let prefixKey = "caplet.name_prefix"
    /// What LLaMA 3.1's rotary frequencies are divided by.
    static let ropeDivisorsName = "rope_freqs.weight"
    /// The same of longrope, for sequences beyond the original context and within it.
    static let (longDivisorsName, shortDivisorsName) = ("rope_factors_long.weight", "rope_factors_short.weight")

    /// Nil for a configuration of no known family, or of one that llama.cpp does not know.
    init?(_ configuration: ModelConfiguration, prefix: NamePrefix?) {
        guard let family = configuration.family, let ggufName = family.ggufName else { return nil }
        self.family = family
        self.ggufName = ggufName
        self.configuration = configuration
        self.prefix = prefix ?? family.usualPrefix
    }

    /// The embedding's name in the checkpoint.
    var embedding: String { prefix.applied(to: family.embedding, isOfHead: false) }

    func rule(forName name: String) -> TensorRule? { family.rule(forName: name)?.rule }

    /// The number of the expert, or head, that a tensor is of.
    func expert(of name: String) -> Int? { family.rule(forName: name)?.expert }

    /// How many tensors of the checkpoint one of the file is made of.
    func partCount(ofGGUF name: String) -> Int {
        family.rule(forGGUF: name).map { configuration.partCount(of: $0.rule.module) } ?? 0
    }

    /// Whether the tensor is one of the family's that llama.cpp has no place for.
    func keepsBeside(_ name: String) -> Bool { rule(forName: name)?.gguf.isEmpty ?? false }

    /// Warnings of biases that llama.cpp does not read, or wants and does not find.
    func unreadBiases(_ graph: TensorGraph) -> [String] {
        var warnings: [String] = []
        let unread = graph.tensors.filter { tensor in
            guard let rule = rule(forName: tensor.name), rule.role == .bias else { return false }
            return family.unbiasedInGGUF.contains(rule.module)
        }
        if let first = unread.first {
            warnings.append("llama.cpp will not load the file: it has no place for \(unread.count) biases, '\(first.name)' the first")
        }
        let wanted = family.biasedInGGUF.compactMap { module in
            let block = (0..<configuration.blockCount).first { configuration.has(module, inBlock: $0) }
            return block.flatMap { family.name(of: module, prefix: prefix, block: $0).flatMap(TensorRule.bias) }
        }
        if let missing = wanted.first(where: { !graph.contains($0) }) {
            warnings.append("llama.cpp will not load the file: it wants the bias '\(missing)'")
        }
        return warnings
    }

    /// A tensor of the graph as the file has it: vectors and routers of 16-bit floats become F32, which llama.cpp wants and which is exact.
    func stored(_ tensor: GGUFTensor, path: String) throws -> GGUFTensor {
        guard let (rule, block, _) = family.rule(forName: tensor.name) else { return tensor }
        var result = tensor
        result.name = rule.gguf(block: block)
        if tensor.shape.rank == 1 || [.router, .stateSpace, .norm].contains(rule.role),
            tensor.type == .plain(.bf16) || tensor.type == .plain(.f16)
        {
            result.bytes = try DenseTensor(dtype: tensor.type.dtype, shape: tensor.shape, bytes: tensor.bytes).cast(to: .f32).bytes
            result.type = .plain(.f32)
        }
        if rule.layout == .lessOne { return try result.adding(1) }
        if rule.layout == .afterPadding { return try result.rows(from: configuration.design.firstPosition) }
        if rule.role == .stateSpace || rule.layout == .groupRows { return try result.ofStateSpace(rule.layout, configuration) }
        if rule.layout == .oneRow, tensor.shape.rank == 2, tensor.shape.rows == 1 { return result.reshaped([tensor.shape.columns]) }
        guard let permutation = try permutation(rule, tensor, path: path) else { return result }
        return try result.permuted(permutation)
    }

    /// A tensor of the file as the graph has it, but for its dtype: several where it is of all experts.
    func restored(_ tensor: GGUFTensor, path: String) throws -> [GGUFTensor] {
        guard let (rule, block, _) = family.rule(forGGUF: tensor.name) else { return [tensor] }
        guard rule.isOfPart else { return [try restored(tensor, rule, block, path: path)] }
        return try tensor.experts(configuration.partCount(of: rule.module), path: path) {
            family.name(of: rule, prefix: prefix, block: block, expert: $0)
        }
    }

    private func restored(_ tensor: GGUFTensor, _ rule: TensorRule, _ block: Int?, path: String) throws -> GGUFTensor {
        var result = tensor
        result.name = family.name(of: rule, prefix: prefix, block: block)
        if rule.layout == .oneRow, tensor.shape.rank == 1 { return result.reshaped([1] + tensor.shape.dimensions) }
        if rule.layout == .lessOne { return try result.adding(-1) }
        if rule.role == .stateSpace || rule.layout == .groupRows {
            return try result.checkpointTensor(rule.layout, configuration, path: path)
        }
        guard let permutation = try permutation(rule, tensor, path: path) else { return result }
        return try result.permuted(permutation.inverse)
    }

    /// Whether reading the stored tensor gives the same bits; asked only where arithmetic lies between.
    func comesBack(_ tensor: Tensor, as stored: GGUFTensor) throws -> Bool {
        guard let layout = rule(forName: tensor.name)?.layout, [.lessOne, .negatedExponential].contains(layout),
            let dense = tensor.payload.elementArray, dense.dtype.isComputable
        else { return true }
        let restored = layout == .lessOne ? try stored.adding(-1) : try stored.logarithms()
        let back = try restored.payload().densified(as: dense.dtype)
        return try dense.bytes.withUnsafeBytes { first in
            try back.bytes.withUnsafeBytes { first.elementsEqual($0) }
        }
    }

    /// Tensors that the file has beside those of the graph.
    func addedTensors(_ graph: TensorGraph) throws -> [GGUFTensor] {
        if case .longRope(let long) = configuration.ropeScaling {
            return try [
                (GGUFNaming.longDivisorsName, long.longDivisors), (GGUFNaming.shortDivisorsName, long.shortDivisors),
            ].filter { !graph.contains($0.0) }.map { name, divisors in
                let dense = try DenseTensor(floats: divisors, shape: Shape(count: divisors.count))
                return GGUFTensor(name: name, type: .plain(.f32), shape: dense.shape, bytes: dense.bytes)
            }
        }
        guard case .llama3 = configuration.ropeScaling, !graph.contains(GGUFNaming.ropeDivisorsName),
            let divisors = configuration.ropeScaling.divisors(configuration.rotaryFrequencies, theta: configuration.ropeTheta)
        else { return [] }
        let dense = try DenseTensor(floats: divisors, shape: Shape(count: divisors.count))
        return [GGUFTensor(name: GGUFNaming.ropeDivisorsName, type: .plain(.f32), shape: dense.shape, bytes: dense.bytes)]
    }

    /// Whether the graph does without the tensor, because the configuration says the same.
    func isAdded(_ tensor: GGUFTensor) -> Bool {
        switch configuration.ropeScaling {
        case .llama3: return tensor.name == GGUFNaming.ropeDivisorsName
        case .longRope: return [GGUFNaming.longDivisorsName, GGUFNaming.shortDivisorsName].contains(tensor.name)
        default: return false
        }
    }

    private func permutation(_ rule: TensorRule, _ tensor: GGUFTensor, path: String) throws -> RowPermutation? {
        let heads: Int
        let c = configuration
        switch rule.layout {
        case .same, .transposed, .lessOne, .oneRow, .oneColumn, .negatedExponential, .channelKernels, .groupRows, .keysAndValues,
            .afterPadding:
            return nil
        case .interleavedQueryHeads: heads = c.headCount
        case .interleavedKeyHeads: heads = c.keyValueHeadCount
        case .grouped: heads = c.headCount + 2 * c.keyValueHeadCount
        }
        // A bias is permuted as the rows of its weight.
        let rows = tensor.shape.dimensions.first ?? 0
        let isExpected = tensor.shape.rank == (rule.role == .bias ? 1 : 2) && rows == heads * c.headSize
        let permutation =
            !isExpected
            ? nil
            : rule.layout == .grouped
                ? RowPermutation(ungroupingHeads: c.headCount, keyHeads: c.keyValueHeadCount, size: c.headSize)
                : RowPermutation(interleavingHalvesOf: heads, rows: rows)
        guard let permutation else {
            throw FormatError.malformed(
                path, "tensor '\(tensor.name)'", "has shape \(tensor.shape); \(heads) heads of \(c.headSize) rows were expected"
            )
        }
        return permutation
    }
}

extension GGUFTensor {
    /// The same elements in another shape; as it is where these are not as many.
    func reshaped(_ dimensions: [Int]) -> GGUFTensor {
        guard let shape = Shape(dimensions), shape.elementCount == self.shape.elementCount else { return self }
        return GGUFTensor(name: name, type: type, shape: shape, bytes: bytes)
    }

    /// A plain float tensor plus a number, in F32.
    fileprivate func adding(_ number: Float) throws -> GGUFTensor {
        var floats = try payload().densifiedFloats()
        for index in floats.indices { floats[index] += number }
        var result = self
        result.bytes = try DenseTensor(floats: floats, shape: shape).bytes
        result.type = .plain(.f32)
        return result
    }
}
