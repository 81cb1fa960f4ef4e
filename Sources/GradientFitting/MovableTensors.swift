import CLibrary
import ModelGraph
import PassKit

/// Which tensors of a compressed graph move, and which other ones stand in the model as a pass before left them.
public struct MovableTensors {
    /// As the pass before left them, in file order.
    public let tensors: [Tensor]
    /// Linear layers that other passes changed and that stay as they are.
    public let others: [Tensor]
    /// What of the selected tensors does not move, and why.
    public let leftAlone: [LeftAlone]

    /// - Parameters:
    ///   - kinds: what moves beside values that a pruning pass kept.
    ///   - reason: why a tensor outside of the blocks does not move; nil where it may.
    /// - Throws: `PassError` when no tensor is selected.
    public init(
        _ graph: TensorGraph, _ selection: TensorSelection, pass: String, _ context: PassContext, _ kinds: MovableKinds,
        outsideBlocks reason: String?
    ) throws {
        var (selected, left) = try selection.split(graph, pass: pass)
        let calibrated = Set(context.original.structure.inputGroups.flatMap(\.members))
        try selected.removeAll { tensor in
            let reason =
                !RefitTensor.canMove(tensor.payload, kinds)
                ? "has no sparse or low-rank values" + (kinds.contains(.scales) ? ", and no codes" : " in floats")
                : !calibrated.contains(tensor.name)
                    // A refit has nothing to make good there; what learns from a teacher moves them too.
                    ? reason
                    : try !kinds.contains(.dense) && MovableTensors.isAsRead(tensor, context.original)
                        ? "has the blocks that the model came with" : nil
            if let reason { left.append(LeftAlone(name: tensor.name, reason: reason)) }
            return reason != nil
        }
        let moved = Set(selected.map(\.name))
        (tensors, leftAlone) = (selected, left)
        others = try graph.tensors.filter {
            if case .dense = $0.payload { return false }
            return try calibrated.contains($0.name) && !moved.contains($0.name) && !MovableTensors.isAsRead($0, context.original)
        }
    }

    /// Whether a tensor has the very blocks that it has in the model before any pass.
    private static func isAsRead(_ tensor: Tensor, _ original: TensorGraph) throws -> Bool {
        guard case .blocks(let blocks) = tensor.payload, case .blocks(let old) = original[tensor.name]?.payload, blocks.codec == old.codec
        else { return false }
        return try blocks.bytes.withUnsafeBytes { new in
            try old.bytes.withUnsafeBytes { old in
                guard let new = new.baseAddress, let other = old.baseAddress else { return true }
                return blocks.byteCount == old.count && memcmp(new, other, old.count) == 0
            }
        }
    }

    /// What a report says where nothing moves.
    public static let nothing = "nothing here was pruned or quantised: no tensor has sparse or low-rank values, or codes"
}
