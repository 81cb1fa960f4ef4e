import Architectures

/// What one more token needs of those before it in blocks with state spaces: the last tokens that the convolution reaches, and the state of each
/// channel. As much however many tokens there were.
///
/// There are two of each: what is before the tokens that are being run, and what comes after them, which takes its place when all blocks have been
/// run; a run that fails leaves all as it was.
final class RecurrentStates {
    /// Floats of a block.
    private let tailCount: Int
    private let stateCount: Int
    private let blocks: Int
    private var current = 0
    private let memory: UnsafeMutablePointer<Float>

    init(_ space: StateSpace, blocks: Int) {
        tailCount = (space.kernelSize - 1) * space.convolutionWidth
        stateCount = space.stateCount
        self.blocks = blocks
        memory = .allocate(capacity: max(2 * blocks * (tailCount + stateCount), 1))
        forget()
    }

    deinit { memory.deallocate() }

    var byteCount: Int { 2 * blocks * (tailCount + stateCount) * MemoryLayout<Float>.size }

    /// [kernel − 1, convolved] and [channels, states] of a block.
    typealias Pair = (tail: UnsafeMutablePointer<Float>, state: UnsafeMutablePointer<Float>)

    func before(_ block: Int) -> Pair { pair(block, current) }
    func after(_ block: Int) -> Pair { pair(block, 1 - current) }

    private func pair(_ block: Int, _ half: Int) -> Pair {
        let start = memory + (half * blocks + block) * (tailCount + stateCount)
        return (start, start + tailCount)
    }

    /// All blocks have been run.
    func advance() { current = 1 - current }

    /// As before the first token.
    func forget() { pair(0, current).tail.update(repeating: 0, count: blocks * (tailCount + stateCount)) }
}
