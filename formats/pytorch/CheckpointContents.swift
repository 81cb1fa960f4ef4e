import FormatKit
import ModelGraph

/// The tensors of a checkpoint by dotted names, and what else it says.
struct CheckpointContents {
    /// Members under which training loops keep the model's own dictionary.
    static let modelKeys = ["state_dict", "model_state_dict", "model", "module"]
    static let maximumNesting = 32
    /// Of all names together.
    static let maximumNameBytes = 64 << 20

    private(set) var tensors: [(name: String, tensor: StridedTensor)] = []
    private(set) var metadata: [(key: String, value: MetadataValue)] = []
    /// Names of what is neither a tensor nor a scalar, with the class where there is one.
    private(set) var leftBehind: [String] = []

    private let heap: PickleHeap
    private let path: String
    private var visited = Set<Int>()
    private var nameBytes = 0

    /// - Throws: `FormatError.malformed` for a root that holds no names, and for nesting and names over the limits.
    init(_ checkpoint: any Checkpoint, path: String, fileName: String) throws {
        heap = checkpoint.heap
        self.path = path
        switch checkpoint.root {
        case .tensor(let place): tensors = [(CheckpointContents.stem(fileName), heap.tensors[place])]
        case .dictionary(let place):
            guard let model = try modelMember(of: place) else {
                try walk(checkpoint.root, "", 0)
                return
            }
            for (index, member) in heap.dictionaries[place].enumerated() where index != model {
                guard let key = member.key.string else { continue }
                if let value = scalar(member.value) { metadata.append((key, value)) } else { leaveBehind(key, member.value) }
            }
            try walk(heap.dictionaries[place][model].value, "", 0)
        case .list, .tuple: try walk(checkpoint.root, "", 0)
        case .foreign(let place):
            throw FormatError.unsupported(
                path, "", "global '\(heap.classes[place])' is none of those that tensors need; nothing was executed. Save its state_dict")
        default: throw FormatError.malformed(path, "", "holds no tensors: its pickle is neither a dictionary nor a tensor")
        }
    }

    private static func stem(_ fileName: String) -> String {
        guard let dot = fileName.lastIndex(of: "."), dot != fileName.startIndex else { return fileName }
        return String(fileName[..<dot])
    }

    /// The one member of `modelKeys` that has tensors among its own values, where the root has fewer weights.
    ///
    /// - Throws: `FormatError.unsupported` where such a member is an object of another class, whose tensors would be lost.
    private func modelMember(of root: Int) throws -> Int? {
        let members = heap.dictionaries[root]
        let named = members.indices.filter { members[$0].key.string.map(CheckpointContents.modelKeys.contains) == true }
        for index in named {
            guard case .foreign(let place) = members[index].value else { continue }
            throw FormatError.unsupported(
                path, "'\(members[index].key.string ?? "")'",
                "is an object of '\(heap.classes[place])', which is not run; save its state_dict")
        }
        let candidates = named.filter { tensorCount(members[$0].value) > 0 }
        guard candidates.count == 1, weightCount(root) < tensorCount(members[candidates[0]].value) else { return nil }
        return candidates[0]
    }

    /// Tensors among a dictionary's own values that are weights, not counters, metrics or states of random generators.
    private func weightCount(_ place: Int) -> Int {
        heap.dictionaries[place].count { member in
            guard case .tensor(let tensor) = member.value else { return false }
            return heap.tensors[tensor].dtype.isFloat && heap.tensors[tensor].shape.elementCount > 1
        }
    }

    /// Tensors among a dictionary's own values.
    private func tensorCount(_ value: PickleValue) -> Int {
        guard case .dictionary(let place) = value else { return 0 }
        return heap.dictionaries[place].count { if case .tensor = $0.value { true } else { false } }
    }

    private func scalar(_ value: PickleValue) -> MetadataValue? {
        switch value {
        case .bool(let flag): return .bool(flag)
        case .integer(let number): return .int64(Int64(number))
        case .number(let number): return .float64(number)
        case .string(let text): return .string(text)
        default: return nil
        }
    }

    private mutating func leaveBehind(_ name: String, _ value: PickleValue) {
        if case .none = value { return }
        if case .foreign(let place) = value { return leftBehind.append("'\(name)' (\(heap.classes[place]))") }
        leftBehind.append("'\(name)'")
    }

    private mutating func walk(_ value: PickleValue, _ name: String, _ depth: Int) throws {
        guard depth <= CheckpointContents.maximumNesting else {
            throw FormatError.malformed(path, "'\(name.prefix(80))'", "is nested deeper than \(CheckpointContents.maximumNesting)")
        }
        nameBytes += name.utf8.count
        guard nameBytes <= CheckpointContents.maximumNameBytes else {
            throw FormatError.malformed(path, "", "has names of over \(CheckpointContents.maximumNameBytes) bytes together")
        }
        func inner(_ key: String) -> String { name.isEmpty && depth == 0 ? key : "\(name).\(key)" }
        switch value {
        case .tensor(let place): tensors.append((name, heap.tensors[place]))
        case .dictionary(let place):
            // What is met again, a cycle or a shared part, was walked already.
            guard visited.insert(place).inserted else { return leaveBehind(name, value) }
            for member in heap.dictionaries[place] {
                guard let key = member.key.string ?? member.key.integer.map(String.init) else {
                    leaveBehind(inner("?"), member.value)
                    continue
                }
                try walk(member.value, inner(key), depth + 1)
            }
        case .list(let place), .tuple(let place):
            guard visited.insert(-1 - place).inserted, !heap.sequences[place].allSatisfy(isLeaf) else { return leaveBehind(name, value) }
            for (index, element) in heap.sequences[place].enumerated() { try walk(element, inner(String(index)), depth + 1) }
        default:
            if let value = scalar(value) { metadata.append((name, value)) } else { leaveBehind(name, value) }
        }
    }

    /// Whether a value is neither a tensor nor a container.
    private func isLeaf(_ value: PickleValue) -> Bool {
        switch value {
        case .tensor, .dictionary, .list, .tuple: return false
        default: return true
        }
    }
}
