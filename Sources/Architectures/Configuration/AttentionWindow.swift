/// How far back positions look: at most `size` positions, their own among them, or the first of as many that they are one of, in some of the blocks.
public struct AttentionWindow: Equatable, Sendable {
    public enum Blocks: Equatable, Sendable {
        case all
        /// The first, the third and so on.
        case even
        /// All but every n-th: 5 of 6 for 6.
        case allButEvery(Int)
        /// From this block on.
        case from(Int)
        /// One by one; blocks beyond the list look everywhere.
        case listed([Bool])
    }

    public var size: Int
    public var blocks: Blocks
    /// Whether the positions are taken as chunks of `size`, and each sees those of its own.
    public var isChunked = false

    package init(size: Int, blocks: Blocks) { (self.size, self.blocks) = (size, blocks) }

    /// The window of a block; nil where it sees all positions.
    public func size(inBlock block: Int) -> Int? {
        switch blocks {
        case .all: return size
        case .even: return block % 2 == 0 ? size : nil
        case .allButEvery(let step): return step > 0 && block % step != step - 1 ? size : nil
        case .from(let first): return block >= first ? size : nil
        case .listed(let list): return block < list.count && list[block] ? size : nil
        }
    }
}
