import FormatKit
import ModelGraph

extension TensorGraph {
    /// Gives each part of a tensor that stands for several a tensor of its own: linear layers that passes work on one by one.
    ///
    /// - Throws: `GraphError` for a tensor that cannot be taken apart.
    mutating func splitFused(_ family: ArchitectureFamily, _ configuration: ModelConfiguration) throws {
        guard !family.fusedTensors.isEmpty, tensors.contains(where: { family.fused(forName: $0.name) != nil }) else { return }
        let experts = min(configuration.experts?.count ?? 0, RoutedExperts.maximumCount)
        self = try flatMapTensors { tensor in
            // What passes made of the whole is carried as it is.
            guard tensor.payload.elementArray != nil, let (fused, block, prefix) = family.fused(forName: tensor.name) else {
                return [tensor]
            }
            return try fused.split(tensor, experts: experts).enumerated().map { index, dense in
                let (expert, part) = (index / fused.parts.count, index % fused.parts.count)
                let name = prefix.applied(to: fused.part(part, block: block, expert: expert), isOfHead: false)
                return Tensor(name: name, dense: dense, role: tensor.role)
            }
        }
    }
}

/// The tensors of a graph as its checkpoint has them: those that stand for several are put together again.
public struct FusedTensors {
    /// In order; each stands where the first of its parts stood.
    public private(set) var joined: [(name: String, dense: DenseTensor)] = []

    private struct Place: Hashable {
        let name: String
        let prefix: String
        let block: Int
    }

    /// - Throws: `FormatError.unsupported` for parts that are not all there, or of several kinds.
    public init(_ graph: TensorGraph, path: String) throws {
        let family = graph.structure.architecture.flatMap(ArchitectureFamily.named)
        guard let family, !family.fusedTensors.isEmpty else {
            joined = try graph.tensors.map { ($0.name, try $0.denseForStorage()) }
            return
        }
        var slots: [Place: Int] = [:]
        var found: [Place: [Int: DenseTensor]] = [:]
        var members: [Place: FusedTensor] = [:]
        for tensor in graph.tensors {
            let dense = try tensor.denseForStorage()
            guard let (fused, index, block, prefix) = family.part(forName: tensor.name) else {
                joined.append((tensor.name, dense))
                continue
            }
            let place = Place(name: fused.name, prefix: prefix.text, block: block)
            found[place, default: [:]][index] = dense
            guard slots[place] == nil else { continue }
            (slots[place], members[place]) = (joined.count, fused)
            joined.append((prefix.applied(to: TensorRule.filled(fused.name, block), isOfHead: false), dense))
        }
        for (place, slot) in slots.sorted(by: { $0.value < $1.value }) {
            guard let fused = members[place], let parts = found[place] else { continue }
            let name = joined[slot].name
            let count = ((parts.keys.max() ?? 0) / fused.parts.count + 1) * fused.parts.count
            let ordered = (0..<min(count, parts.count)).compactMap { parts[$0] }
            guard ordered.count == count else {
                throw FormatError.unsupported(path, "tensor '\(name)'", "would have \(parts.count) of \(count) parts")
            }
            joined[slot].dense = try fused.joined(ordered, name: name, path: path)
        }
    }
}

extension ArchitectureFamily {
    /// What a checkpoint's tensor of that name stands for.
    func fused(forName name: String) -> (fused: FusedTensor, block: Int, prefix: NamePrefix)? {
        guard !fusedTensors.isEmpty else { return nil }
        for prefix in NamePrefix.candidates(of: self) {
            guard let bare = prefix.removed(from: name) else { continue }
            let (general, block) = ArchitectureFamily.generalised(bare)
            if let block, let found = fusedTensors.first(where: { $0.name == general }) { return (found, block, prefix) }
        }
        return nil
    }

    /// Whether a checkpoint's tensor of that name stands for several of the graph.
    public func isFused(_ name: String) -> Bool { fused(forName: name) != nil }

    /// Whether the checkpoint has a tensor of the graph together with others.
    public func isPartOfFused(_ name: String) -> Bool { part(forName: name) != nil }

    /// The checkpoint's tensor that one of the graph is a part of, and which part it is, counted over all experts.
    func part(forName name: String) -> (fused: FusedTensor, index: Int, block: Int, prefix: NamePrefix)? {
        guard !fusedTensors.isEmpty else { return nil }
        for prefix in NamePrefix.candidates(of: self) {
            guard let bare = prefix.removed(from: name) else { continue }
            let (one, block) = ArchitectureFamily.generalised(bare)
            guard let block else { continue }
            let (both, expert) = ArchitectureFamily.generalised(one)
            for fused in fusedTensors {
                guard let part = fused.parts.firstIndex(of: fused.isOfExperts ? both : one) else { continue }
                if fused.isOfExperts, expert == nil { continue }
                guard (expert ?? 0) < RoutedExperts.maximumCount else { return nil }
                return (fused, (fused.isOfExperts ? expert ?? 0 : 0) * fused.parts.count + part, block, prefix)
            }
        }
        return nil
    }
}
