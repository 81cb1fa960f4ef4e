/// Blocks that share their weights (ALBERT's groups): several in a row run with the same ones, one after the other.
extension ModelConfiguration {
    /// The place of a block's weights among those that there are: its own number where no weights are shared.
    package func ownBlock(_ block: Int) -> Int {
        guard let ownBlockCount, blockCount > 0 else { return block }
        return Int(Double(block) / (Double(blockCount) / Double(ownBlockCount)))
    }

    /// The blocks in a row that run with the weights of one, itself among them.
    package func sharedBlocks(_ block: Int) -> Range<Int> {
        guard ownBlockCount != nil else { return block..<block + 1 }
        let own = ownBlock(block)
        var (first, end) = (block, block + 1)
        while first > 0, ownBlock(first - 1) == own { first -= 1 }
        while end < blockCount, ownBlock(end) == own { end += 1 }
        return first..<end
    }

    /// All blocks, those that share their weights together.
    package var sharedBlocks: [Range<Int>] {
        var (runs, next): ([Range<Int>], Int) = ([], 0)
        while next < blockCount {
            runs.append(sharedBlocks(next))
            next = runs[runs.count - 1].upperBound
        }
        return runs
    }
}
