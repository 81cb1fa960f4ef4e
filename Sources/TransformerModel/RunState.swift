import Architectures
import Synchronization

/// Scratch memory for one sequence on its way through a block; shapes in elements, T the longest sequence.
final class RunState {
    let normalised: UnsafeMutablePointer<Float>  // [T, hidden]
    let queries: UnsafeMutablePointer<Float>  // [T, heads × headSize]
    let keys: UnsafeMutablePointer<Float>  // [T, kvHeads × headSize]
    let values: UnsafeMutablePointer<Float>  // [T, kvHeads × headSize]
    let scores: UnsafeMutablePointer<Float>  // [T, T]
    let attended: UnsafeMutablePointer<Float>  // [T, heads × headSize]
    let gate: UnsafeMutablePointer<Float>  // [T, intermediate]
    let up: UnsafeMutablePointer<Float>  // [T, intermediate]
    private let base: UnsafeMutablePointer<Float>
    let capacity: Int

    init(_ c: ModelConfiguration, tokens: Int) {
        capacity = tokens
        let sizes = [
            c.hiddenSize, c.headCount * c.headSize, c.keyValueHeadCount * c.headSize, c.keyValueHeadCount * c.headSize,
            tokens, c.headCount * c.headSize, c.intermediateSize, c.intermediateSize,
        ].map { ($0 * tokens + 15) / 16 * 16 }
        let raw = UnsafeMutableRawPointer.allocate(byteCount: sizes.reduce(0, +) * 4, alignment: 64)
        base = raw.bindMemory(to: Float.self, capacity: sizes.reduce(0, +))
        var next = base
        var parts: [UnsafeMutablePointer<Float>] = []
        for size in sizes {
            parts.append(next)
            next += size
        }
        (normalised, queries, keys, values) = (parts[0], parts[1], parts[2], parts[3])
        (scores, attended, gate, up) = (parts[4], parts[5], parts[6], parts[7])
    }

    deinit { UnsafeMutableRawPointer(base).deallocate() }
}

/// Run states that are not in use, kept for the next sequence.
final class RunStatePool {
    private let idle = Mutex<[UncheckedState]>([])
    private let configuration: ModelConfiguration

    private struct UncheckedState: @unchecked Sendable {
        let state: RunState
    }

    init(_ configuration: ModelConfiguration) { self.configuration = configuration }

    func withState<Result>(tokens: Int, _ body: (RunState) throws -> Result) rethrows -> Result {
        let reused = idle.withLock { $0.popLast() }?.state
        let state = reused.flatMap { $0.capacity >= tokens ? $0 : nil } ?? RunState(configuration, tokens: tokens)
        defer {
            let returned = UncheckedState(state: state)
            idle.withLock { $0.append(returned) }
        }
        return try body(state)
    }
}
