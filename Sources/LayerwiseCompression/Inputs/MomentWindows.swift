import Execution
import ModelGraph
import PassKit

/// Which rank works on which of the layers whose inputs are known, and how many blocks' layers are shared out at a time.
///
/// One process works on a block's layers as soon as their second moments are known. Ranks wait for those of a *window* of blocks: the more layers
/// there are to share out, the more even the shares. A window has as many blocks as leave each rank moments of a quarter of its memory.
struct MomentWindows {
    /// The rank of each layer; nil for one that is not wanted.
    let owners: [Int?]
    private let blocks: [Int?]
    /// The first block after each window.
    private let ends: [Int]

    /// - Parameters:
    ///   - wanted: whether a layer is to be worked on.
    ///   - execution: its memory is the same for all ranks.
    init(_ tensors: [Tensor], wanted: Set<Int>, _ structure: GraphStructure, _ execution: ExecutionContext) {
        blocks = tensors.map { structure.block(of: $0.name) }
        let numbers = Set(wanted.compactMap { [blocks] in blocks[$0] }).sorted()
        let limit = Double(execution.memory.byteLimit) / 4 * Double(execution.ensemble.count)
        var (ends, bytes) = ([Int](), 0.0)
        for number in numbers {
            let own = wanted.filter { [blocks] in blocks[$0] == number }.reduce(0.0) {
                $0 + 4 * Double(tensors[$1].shape.columns) * Double(tensors[$1].shape.columns)
            }
            if !execution.ensemble.isShared || bytes + own > limit, number > numbers[0] {
                ends.append(number)
                bytes = 0
            }
            bytes += own
        }
        ends.append(.max)
        self.ends = ends
        var owners = [Int?](repeating: nil, count: tensors.count)
        var first = Int.min
        for end in ends {
            let members = wanted.filter { [blocks] in blocks[$0].map { $0 >= first && $0 < end } ?? (end == .max) }.sorted()
            for (index, owner) in zip(members, execution.ensemble.owners(members.map { tensors[$0].solveCost })) { owners[index] = owner }
            first = end
        }
        self.owners = owners
    }

    /// The window of a block.
    func window(of block: Int) -> Int { ends.firstIndex { block < $0 } ?? ends.count - 1 }

    /// The owners of a window's layers; nil for those of others.
    func owners(inWindow window: Int) -> [Int?] {
        owners.indices.map { index in
            (blocks[index].map { self.window(of: $0) } ?? ends.count - 1) == window ? owners[index] : nil
        }
    }
}
