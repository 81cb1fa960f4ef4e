import Architectures
import FormatKit
import ModelGraph

/// How each matrix of a model is stored in a GGUF file: one type, or a mixture, with exceptions by name, and with what errors of inputs count.
public struct GGUFQuantization: Sendable {
    /// A type for tensors whose name, by GGUF or by the checkpoint, is like a pattern.
    public struct Exception: Sendable, Equatable {
        public let pattern: NamePattern
        public let storage: FloatStorage

        public init(_ pattern: NamePattern, _ storage: FloatStorage) { (self.pattern, self.storage) = (pattern, storage) }
    }

    /// Nil for tensors as they are.
    public var storage: FloatStorage?
    /// In the place of `storage`.
    public var mixture: GGUFMixture?
    public var exceptions: [Exception] = []
    public var importance: ImportanceMatrix?

    public init() {}

    /// What was asked for and has no effect: one line each.
    public private(set) var warnings: [String] = []

    /// The graph stored so.
    ///
    /// - Throws: `FormatError.unsupported` for a mixture or an importance matrix and a model that has no names in GGUF; `.malformed` for an
    ///   importance matrix of another model.
    public mutating func cast(_ graph: TensorGraph, path: String) throws -> GraphCast {
        let naming = GGUFQuantization.naming(graph)
        var types: [String: BlockCodec] = [:]
        if let mixture {
            guard let naming else {
                throw FormatError.unsupported(
                    path, "", "is of no architecture that llama.cpp knows: '\(mixture.rawValue)' says nothing of it")
            }
            types = GGUFQuantization.types(mixture, naming, graph)
        }
        var (unused, weighted, unweighted) = (Set(exceptions.indices), 0, 0)
        let (storage, exceptions, importance) = (storage, exceptions, importance)
        let cast = try graph.cast { tensor in
            let name = naming?.storedName(of: tensor.name) ?? tensor.name
            var wanted = types[name].map(GGUFQuantization.storage) ?? storage
            if mixture != nil, wanted == nil { wanted = .plain(.f32) }
            for (index, exception) in exceptions.enumerated()
            where exception.pattern.matches(name) || exception.pattern.matches(tensor.name) {
                wanted = exception.storage
                unused.remove(index)
            }
            guard let wanted else { return nil }
            let weights = try importance.flatMap { try $0.weights(of: tensor, name, expert: naming?.expert(of: tensor.name), path: path) }
            if weights != nil { weighted += 1 }
            // The types whose encoding is a fact of ggml's, and plain floats.
            if weights != nil, !wanted.weighsErrors { unweighted += 1 }
            return TensorStorage(wanted, orElse: GGUFFallback.storage(insteadOf: wanted), weights: weights)
        }
        for index in unused.sorted() { warnings.append("no tensor has a name like '\(exceptions[index].pattern.text)'") }
        if unweighted > 0 {
            warnings.append("the importance matrix changes nothing of \(unweighted) matrices, whose types do not weigh errors")
        }
        if importance != nil, weighted == 0 {
            throw FormatError.malformed(path, "importance matrix", "has an entry for none of the model's matrices")
        }
        return cast
    }

    /// Nil for a model that has no names in GGUF.
    private static func naming(_ graph: TensorGraph) -> GGUFNaming? {
        // A configuration that is broken is the writer's to refuse; keys that do not suffice leave tensors their names.
        let configuration = (try? GGUFModel.configuration(of: graph)) ?? nil
        return configuration.flatMap { GGUFNaming($0, prefix: $0.family?.prefix(graph.contains)) }
    }

    /// The name that a tensor of a graph has in GGUF, by its name.
    public static func storedNames(of graph: TensorGraph) -> (String) -> String {
        let naming = naming(graph)
        return { naming?.storedName(of: $0) ?? $0 }
    }

    static func storage(_ codec: BlockCodec) -> FloatStorage { codec == .q8_0 ? .q8_0 : .blocks(codec) }

    /// The types of matrices, by their names in GGUF: in the order in which llama-quantize goes through a file.
    private static func types(
        _ mixture: GGUFMixture, _ naming: GGUFNaming, _ graph: TensorGraph
    ) -> [String: BlockCodec] {
        var names: [String] = []
        for tensor in graph.tensors where tensor.isMatrixForBlocks {
            let name = naming.storedName(of: tensor.name)
            if !names.contains(name) { names.append(name) }
        }
        names.sort { GGUFQuantization.order($0) < GGUFQuantization.order($1) }
        var choice = GGUFMixtureTypes(mixture, naming, names: names)
        return Dictionary(names.map { ($0, choice.codec(for: $0)) }) { first, _ in first }
    }

    /// The number of the block before all else.
    private static func order(_ name: String) -> (Int, String) {
        guard name.hasPrefix("blk.") else { return (-1, name) }
        return (Int(name.dropFirst(4).prefix { $0.isNumber }) ?? 0, name)
    }
}

extension GGUFNaming {
    /// The name that a tensor of the graph has in the file.
    func storedName(of name: String) -> String {
        guard let (rule, block, _) = family.rule(forName: name), !rule.gguf.isEmpty else { return name }
        return rule.gguf(block: block)
    }
}

extension ImportanceMatrix {
    /// What errors of a tensor's columns count; nil where nothing is said of it.
    ///
    /// - Throws: `FormatError.malformed` for an entry of another width.
    fileprivate func weights(of tensor: Tensor, _ name: String, expert: Int?, path: String) throws -> ColumnWeights? {
        guard tensor.isMatrixForBlocks, let entry = self[name] else { return nil }
        let columns = tensor.shape.columns
        var values = entry.meanSquares
        let matrices = columns > 0 && values.count % columns == 0 ? values.count / columns : 0
        let expected = expert == nil && tensor.shape.rank == 3 ? tensor.shape.dimensions[0] : 1
        if let expert, matrices > expert {
            values = Array(values[expert * columns..<(expert + 1) * columns])
        } else if matrices != expected {
            throw FormatError.malformed(
                path, "importance matrix, entry '\(name)'", "has \(values.count) values; \(expected) rows of \(columns) were expected")
        }
        // An expert that no token of the text reached: nothing is known of it.
        guard values.contains(where: { $0 > 0 }) else { return nil }
        return ColumnWeights(values, columns: columns)
    }
}

extension FloatStorage {
    /// Whether blocks are made of least weighted error where weights are given.
    fileprivate var weighsErrors: Bool {
        if case .blocks(let codec) = self { return codec.rounding != nil }
        return false
    }
}
