import Caplet

/// Tensors grouped by the components of their names, in the order of the file.
struct TensorTree {
    private final class Node {
        var children: [(name: String, node: Node)] = []
        private var positions: [Substring: Int] = [:]
        var tensor: TensorSummary?
        var parameters = 0
        var bytes = 0

        func child(_ name: Substring) -> Node {
            if let last = children.last, last.name == name { return last.node }
            if let position = positions[name] { return children[position].node }
            let node = Node()
            positions[name] = children.count
            children.append((String(name), node))
            return node
        }
    }

    private let root = Node()
    /// Components of a name that make groups; what follows is one component, however many dots it has.
    private static let maximumDepth = 32

    init(_ tensors: [TensorSummary]) {
        for tensor in tensors {
            var node = root
            let most = TensorTree.maximumDepth - 1
            for component in tensor.name.split(separator: ".", maxSplits: most, omittingEmptySubsequences: false) {
                node = node.child(component)
                node.parameters += tensor.parameters
                node.bytes += tensor.bytes
            }
            node.tensor = tensor
        }
    }

    /// One row a group and a tensor; a group of one is part of its member's name.
    func table(withDigests: Bool) -> TextTable {
        let header = ["tensor", "kind", "stored", "shape", "rank", "density", "parameters", "bytes"]
        var table = TextTable(header: header + (withDigests ? ["digest"] : []), rightAligned: [4, 5, 6, 7])
        for (name, node) in root.children { add(name, node, depth: 0, to: &table) }
        return table
    }

    private func add(_ name: String, _ node: Node, depth: Int, to table: inout TextTable) {
        if node.tensor == nil, node.children.count == 1, let only = node.children.first {
            return add("\(name).\(only.name)", only.node, depth: depth, to: &table)
        }
        var row = [String(repeating: "  ", count: depth) + name]
        if let tensor = node.tensor {
            row += [
                tensor.kind, tensor.storage, "\(tensor.shape)", tensor.rank > 0 ? "\(tensor.rank)" : "",
                tensor.density.map { NumberText.decimal($0, places: 4) } ?? "", NumberText.grouped(tensor.parameters),
                NumberText.grouped(tensor.bytes), tensor.digest ?? "",
            ]
        } else {
            row += ["", "", "", "", "", NumberText.grouped(node.parameters), NumberText.grouped(node.bytes)]
        }
        table.add(row)
        for (name, child) in node.children { add(name, child, depth: depth + 1, to: &table) }
    }
}
